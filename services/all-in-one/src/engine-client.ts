import { keepEngineLoaded, type EmbeddedClickHouse } from '@milena/embedded/clickhouse';
import type { AllInOneConfig } from './config.ts';
import { openThread } from './thread.ts';

/** What the thread is begun with. */
export interface EngineData {
  dataDir: string;
  logLevel: AllInOneConfig['LOG_LEVEL'];
}

/** ClickHouse's engine in a thread of its own. @throws Error that says why it did not start */
export async function startEngineThread(
  data: EngineData,
  options: {
    /** Called once, when it ends by itself. */
    lost: (reason: Error) => void;
    program?: string;
  },
): Promise<EmbeddedClickHouse> {
  const thread = openThread({ ...options, name: 'engine', data, answers: {} });
  const stop = async (): Promise<void> => {
    try {
      await thread.calls.call('stop');
    } finally {
      thread.end(new Error('the thread of the engine was ended'));
    }
  };
  try {
    const [url] = await Promise.all([thread.calls.call('start') as Promise<string>, keepEngineLoaded()]);
    thread.running();
    let stopped: Promise<void> | null = null;
    return { url, stop: () => (stopped ??= stop()) };
  } catch (error) {
    thread.end(new Error('the thread of the engine was ended'));
    throw error;
  }
}
