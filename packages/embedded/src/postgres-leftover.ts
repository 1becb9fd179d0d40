import { execFile } from 'node:child_process';
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from '@milena/runtime';

/** A fast shutdown is a checkpoint; after this long the server is told to leave without one. */
const PATIENCE_MS = 5000;
const LIMIT_MS = 15_000;

interface PidFile {
  pid: number;
  /** The pid, once the server takes connections; null before. */
  readyAs: number | null;
}

/** `postmaster.pid` as Postgres writes it: line 1 is the pid, line 8 the state. Null when there is none. */
export async function readPidFile(cluster: string): Promise<PidFile | null> {
  let text: string;
  try {
    text = await readFile(join(cluster, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  return { pid, readyAs: lines[7]?.trim() === 'ready' ? pid : null };
}

/**
 * Ends a server that a killed process left running on this directory, and returns when it is gone. A pid file whose pid
 * now belongs to some other program (after a reboot) is removed, because Postgres would refuse to start over it; one
 * whose process is gone is left to Postgres, which also checks that no worker still holds the shared memory.
 * @throws Error when the server can't be ended
 */
export async function endLeftover(cluster: string, logger?: Logger): Promise<void> {
  const begun = performance.now();
  let signal: NodeJS.Signals | null = null;
  for (;;) {
    const file = await readPidFile(cluster);
    if (file === null || !isAlive(file.pid)) return;
    if (!(await isServerOf(file.pid, cluster))) {
      // It may have ended between the two looks; only a living stranger makes the file stale.
      if (signal === null && isAlive(file.pid)) await rm(join(cluster, 'postmaster.pid'), { force: true });
      return;
    }
    const waited = performance.now() - begun;
    if (waited > LIMIT_MS)
      throw new Error(`A Postgres (pid ${file.pid}) is still running on ${cluster} and does not end`);
    const next = waited > PATIENCE_MS ? 'SIGQUIT' : 'SIGINT';
    if (signal !== next) {
      signal = next;
      logger?.warn({ event: 'postgres.leftover_ended', pid: file.pid, signal });
      process.kill(file.pid, signal);
    }
    await wait(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A server's working directory is its data directory; where /proc is missing, its command line names it. */
async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  const directory = await realpath(cluster);
  try {
    const [cwd, program] = await Promise.all([readlink(`/proc/${pid}/cwd`), readlink(`/proc/${pid}/exe`)]);
    return cwd === directory && basename(program).startsWith('postgres');
  } catch {
    return commandLineNames(pid, [directory, cluster]);
  }
}

async function commandLineNames(pid: number, directories: string[]): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-p', String(pid), '-o', 'command=']);
    return stdout.includes('postgres') && directories.some((directory) => stdout.includes(directory));
  } catch {
    return false;
  }
}
