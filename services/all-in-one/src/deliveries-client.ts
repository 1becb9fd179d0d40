import { createLogOfOtherThread, LogUnavailableError, type ProducerLog } from '@milena/log';
import type { MetricsOfThread } from '@milena/runtime';
import { createThreadsInvalidationBus, type InvalidationBus } from '@milena/stores/cache';
import type { AllInOneConfig } from './config.ts';
import type { DeliveriesData, DeliveriesSetup } from './deliveries.ts';
import { openThread } from './thread.ts';

/** The thread of the deliveries as this one sees it. */
export interface DeliveriesThread {
  log: ProducerLog;
  /** Tells both threads. */
  bus: InvalidationBus;
  start(setup: DeliveriesSetup): Promise<void>;
  problems(): Promise<string[]>;
  /** The last known, where it does not answer any more. */
  metrics(): Promise<MetricsOfThread>;
  /** Stops the services in it, then ends it. */
  stop(): Promise<void>;
  /** Ends it as it is. */
  end(): void;
}

/** Begins the thread, which loads its program meanwhile. */
export function openDeliveriesThread(options: {
  config: AllInOneConfig;
  /** Called once, when it ends by itself after `start`. */
  lost: (reason: Error) => void;
  program?: string;
}): DeliveriesThread {
  const config = { ...options.config, SECRETS_KEY: null, SECRETS_KEY_PREVIOUS: [] };
  const bus = createThreadsInvalidationBus(() => calls);
  const thread = openThread({
    ...options,
    name: 'deliveries',
    data: { config } satisfies DeliveriesData,
    answers: bus.answers,
  });
  const { calls } = thread;
  const end = (): void => {
    // As a log that was closed: whoever still appends is to try again later.
    thread.end(new LogUnavailableError('the thread of the deliveries was ended', { maybeAppended: true }));
  };
  let lastMetrics: MetricsOfThread = [];
  const metrics = async (): Promise<MetricsOfThread> => {
    lastMetrics = (await calls.call('metrics').catch(() => lastMetrics)) as MetricsOfThread;
    return lastMetrics;
  };
  return {
    log: createLogOfOtherThread(calls),
    bus,
    start: async (setup) => {
      await calls.call('start', setup);
      thread.running();
    },
    problems: async () => (await calls.call('problems')) as string[],
    metrics,
    stop: async () => {
      try {
        await calls.call('stop');
        await metrics();
      } finally {
        end();
      }
    },
    end,
  };
}
