import { createRounds, type Clock, type Metrics, type Rounds } from '@milena/runtime';
import type { MessageLog } from './message-log.ts';

/** About as often as it is scraped; asking Kafka costs a request or two per topic. */
const INTERVAL_MS = 15_000;

/** Shows in the metrics how far a group is behind. Every member shows the same, that of the whole group. */
export function createLagReporter(deps: {
  log: Pick<MessageLog, 'lag'>;
  group: string;
  topics: readonly string[];
  metrics: Pick<Metrics, 'consumerLag'>;
  clock: Clock;
}): Rounds {
  const { log, group, topics, metrics, clock } = deps;
  return createRounds(clock, async () => {
    try {
      for (const { topic, records } of await log.lag(group, topics))
        metrics.consumerLag.set({ group, topic }, records);
    } catch {
      // The log is away, which others report. A figure of long ago would be worse than none.
      metrics.consumerLag.reset();
    }
    return INTERVAL_MS;
  });
}
