import path from 'node:path';
import { removeDataDir, startAllInOne, startDistributed } from '@milena/testing';

const ROOT = path.resolve(__dirname, '../..');

/** Shorter than in production, so that a run sees deliveries to sick endpoints come to their end. */
const SHORT = { RETRY_DELAYS: '1s,2s,5s', DELIVERY_TIMEOUT_MS: '3000' };

/** A Milena that the load goes through. */
export interface SystemUnderTest {
  what: string;
  api: string;
  ingest: string;
  stop(): Promise<void>;
}

/** A process for each service, over the engines of scripts/stack, with names of its own in each. */
export async function distributed(): Promise<SystemUnderTest> {
  const milena = await startDistributed({ root: ROOT, env: { KAFKA_PARTITIONS: '12', ...SHORT } });
  return {
    what: 'a process for each service, over the engines of scripts/stack',
    api: milena.api,
    ingest: milena.ingest,
    stop: () => milena.close(),
  };
}

/** One process over embedded parts, on a fresh data directory. */
export async function oneProcess(): Promise<SystemUnderTest> {
  const milena = await startAllInOne({
    main: path.join(ROOT, 'services/all-in-one/dist/main.cjs'),
    env: SHORT,
  });
  return {
    what: 'one process over embedded parts',
    api: milena.api,
    ingest: milena.api,
    stop: async () => {
      await milena.stop().finally(() => milena.kill());
      removeDataDir(milena.dataDir);
    },
  };
}
