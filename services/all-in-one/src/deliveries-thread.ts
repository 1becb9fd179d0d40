// The thread that the log, the deliveries and the recorder have to themselves; see docs/adr/0027.
import { parentPort, workerData } from 'node:worker_threads';
import { answersOfLog } from '@milena/log';
import { createLogger, createMetrics, createThreadCalls, systemClock } from '@milena/runtime';
import { createThreadsInvalidationBus } from '@milena/stores/cache';
import { startDeliveries, type Deliveries, type DeliveriesData, type DeliveriesSetup } from './deliveries.ts';

if (parentPort === null) throw new Error('This is a thread of main.cjs and no program of its own.');

// The first stack of a thread reads its source map, some 10 ms: now, not when the first endpoint fails.
String(new Error().stack);

const { config } = workerData as DeliveriesData;
const logger = createLogger({ service: 'all-in-one', level: config.LOG_LEVEL });
const metrics = createMetrics();
const bus = createThreadsInvalidationBus(() => calls);
let running: Deliveries | null = null;
const mustRun = (): Deliveries => {
  if (running === null) throw new Error('the deliveries are not running yet');
  return running;
};

const calls = createThreadCalls(parentPort, {
  start: async (setup: DeliveriesSetup) => {
    running = await startDeliveries(setup, { config, bus, clock: systemClock, logger, metrics });
  },
  stop: () => mustRun().stop(),
  problems: () => mustRun().problems(),
  metrics: () => metrics.registry.getMetricsAsJSON(),
  ...bus.answers,
  ...answersOfLog({
    append: (records) => mustRun().log.append(records),
    lag: (group, topics) => mustRun().log.lag(group, topics),
    retryTopics: () => mustRun().log.retryTopics(),
    ping: () => mustRun().log.ping(),
  }),
});
