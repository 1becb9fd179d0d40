import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { createLogOfOtherThread, LogUnavailableError, type ProducerLog } from '@milena/log';
import { createThreadCalls, type MetricsOfThread } from '@milena/runtime';
import { createThreadsInvalidationBus, type InvalidationBus } from '@milena/stores/cache';
import type { AllInOneConfig } from './config.ts';
import type { DeliveriesData, DeliveriesSetup } from './deliveries.ts';

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
  /** Ends it as it is. Does not wait: a look-up of a name under way may take as long as it likes. */
  end(): void;
}

/** Begins the thread, which loads its program meanwhile. */
export function openDeliveriesThread(options: {
  config: AllInOneConfig;
  /** Called once, when it ends by itself after `start`. */
  lost: (reason: Error) => void;
  program?: string;
}): DeliveriesThread {
  const { lost, program = path.join(__dirname, 'deliveries-thread.cjs') } = options;
  const config = { ...options.config, SECRETS_KEY: null, SECRETS_KEY_PREVIOUS: [] };
  const worker = new Worker(program, { name: 'deliveries', workerData: { config } satisfies DeliveriesData });
  const bus = createThreadsInvalidationBus(() => calls);
  const calls = createThreadCalls(worker, bus.answers);
  let state: 'opening' | 'running' | 'over' = 'opening';
  const over = (reason: Error): void => {
    if (state === 'over') return;
    const wasRunning = state === 'running';
    state = 'over';
    calls.end(reason);
    if (wasRunning) lost(reason);
  };
  worker.on('error', over);
  worker.on('exit', (code) => {
    over(new Error(`the thread of the deliveries ended with ${code}`));
  });
  const end = (): void => {
    state = 'over';
    // As a log that was closed: whoever still appends is to try again later.
    calls.end(new LogUnavailableError('the thread of the deliveries was ended', { maybeAppended: true }));
    void worker.terminate();
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
      state = 'running';
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
