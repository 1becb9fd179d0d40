import { createRounds, type Clock, type Metrics, type Rounds } from '@milena/runtime';

const INTERVAL_MS = 60_000;
/** By then even a slow worker has made an attempt or put the delivery off. */
const GRACE_MS = 10 * 60_000;
const WINDOW_MS = 60 * 60_000;

/** Shows in the metrics how many deliveries were accepted of which nothing is told since. Every recorder shows the same. */
export function createLedgerWatch(deps: {
  /** Deliveries accepted in that time, ms since the epoch, of which the history tells nothing else. */
  countSilent: (accepted: { since: number; until: number }) => Promise<number>;
  metrics: Pick<Metrics, 'ledgerImbalance'>;
  clock: Clock;
}): Rounds {
  const { countSilent, metrics, clock } = deps;
  return createRounds(clock, async () => {
    const until = clock.now() - GRACE_MS;
    try {
      metrics.ledgerImbalance.set({ window: '1h' }, await countSilent({ since: until - WINDOW_MS, until }));
    } catch {
      // The history is away, which others report. A figure of long ago would be worse than none.
      metrics.ledgerImbalance.reset();
    }
    return INTERVAL_MS;
  });
}
