import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { removeDataDir, startAllInOne, startDistributed } from '@milena/testing';

const ROOT = path.resolve(__dirname, '../..');

// By default a signal ends a process without its exit handlers, which are what takes its children along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** A process whose CPU time and memory are counted. */
export interface Counted {
  name: string;
  pid: number;
  /** False for the engines of others: reported, but not part of what Milena costs. */
  ours: boolean;
}

/** What the load goes through. */
export interface SystemUnderTest {
  /** Of the subscriptions API, and of the ingest API. */
  api: string;
  ingest: string;
  processes: readonly Counted[];
  stop(): Promise<void>;
}

/** One process over embedded parts, on a fresh data directory. What it starts (the database) counts as its own. */
export async function embedded(env: Record<string, string> = {}): Promise<SystemUnderTest> {
  const milena = await startAllInOne({ main: path.join(ROOT, 'services/all-in-one/dist/main.cjs'), env });
  return {
    api: milena.api,
    ingest: milena.api,
    processes: [{ name: 'all-in-one', pid: milena.pid, ours: true }],
    stop: async () => {
      await milena.stop().finally(() => milena.kill());
      removeDataDir(milena.dataDir);
    },
  };
}

/** A process for each service, over the engines of scripts/stack. */
export async function distributed(env: Record<string, string> = {}): Promise<SystemUnderTest> {
  const milena = await startDistributed({ root: ROOT, env: { KAFKA_PARTITIONS: '12', ...env } });
  const services = (['ingest', 'delivery', 'recorder', 'subscriptions'] as const).flatMap((name) =>
    milena.replicas(name).map(({ pid }) => ({ name, pid, ours: true })),
  );
  return {
    api: milena.api,
    ingest: milena.ingest,
    processes: [...services, ...engines()],
    stop: () => milena.close(),
  };
}

/** The engines that scripts/stack runs: lines of name, state, pid and address. */
function engines(): Counted[] {
  const { stdout } = spawnSync(path.join(ROOT, 'scripts/stack'), ['status'], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, state]) => state === 'up')
    .map(([name = '', , pid]) => ({ name, pid: Number(pid), ours: false }));
}
