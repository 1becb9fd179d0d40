import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestClock, type TestClock } from '@milena/runtime';
import { createLmdbLog } from '../src/lmdb/index.ts';
import { bundled, runUntilKilled } from './child.ts';
import type { Hooks, OpenedLog, OpenOptions } from './conformance.ts';

export function newDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'milena-log-'));
}

/** Lets whatever the passing of time set off run to its end: a few dozen turns of the event loop. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function openLmdb(
  options: OpenOptions,
  path: string,
  clock: TestClock = createTestClock(),
): Promise<OpenedLog> {
  const { topics, partitions, heldRecordsPerPartition } = options;
  const limits = heldRecordsPerPartition === undefined ? {} : { heldRecordsPerPartition };
  const log = await createLmdbLog({ path, topics, partitions, clock, limits });
  return {
    log,
    clock,
    pass: async (ms) => {
      clock.advance(ms);
      await turns();
    },
    restart: async (changes) => {
      await log.close();
      return openLmdb({ ...options, ...changes }, path, clock);
    },
    // The file as it is at this moment is what a dead process would have left.
    crash: async () => {
      const copy = await newDirectory();
      await copyFile(join(path, 'data.mdb'), join(copy, 'data.mdb'));
      return openLmdb(options, copy, clock);
    },
    dispose: async () => {
      await log.close();
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Runs a fixture in a process whose files can't grow beyond a size; resolves with what it printed. */
export async function runFixture(
  fixture: string,
  args: readonly string[],
  { maxFileKilobytes }: { maxFileKilobytes: number },
): Promise<string> {
  // With the signal ignored, a write beyond the limit fails as on a full disk.
  const script = `trap '' XFSZ; ulimit -f ${maxFileKilobytes}; exec "$0" - "$@"`;
  const child = spawn('bash', ['-c', script, process.execPath, ...args], {
    cwd: __dirname,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.end(await bundled(fixture));
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) output += String(chunk);
  return output;
}

export const lmdbHooks: Hooks = {
  open: async (options) => openLmdb(options, await newDirectory()),
  appendUntilKilled: async (options, acks) => {
    const path = await newDirectory();
    const acked = await runUntilKilled('append-until-killed.ts', [path, String(options.partitions)], acks);
    return { acked, found: await openLmdb(options, path) };
  },
};
