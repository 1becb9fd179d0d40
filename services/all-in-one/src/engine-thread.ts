// The thread that ClickHouse's engine has to itself; see docs/adr/0023.
import { parentPort, workerData } from 'node:worker_threads';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '@milena/embedded/clickhouse';
import { createLogger, createThreadCalls } from '@milena/runtime';
import type { EngineData } from './engine-client.ts';

if (parentPort === null) throw new Error('This is a thread of main.cjs and no program of its own.');

const { dataDir, logLevel } = workerData as EngineData;
const logger = createLogger({ service: 'all-in-one', level: logLevel });
let engine: EmbeddedClickHouse | null = null;

createThreadCalls(parentPort, {
  start: async () => {
    engine = await startEmbeddedClickHouse({ dataDir, ownThread: true, logger });
    return engine.url;
  },
  stop: () => engine?.stop(),
});
