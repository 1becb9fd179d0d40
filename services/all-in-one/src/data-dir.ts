import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { OperatorError } from '@milena/runtime';

/** Another process uses the data directory. The message says which, and what to do. */
export class DataDirInUseError extends OperatorError {
  override name = 'DataDirInUseError';
}

interface Holder {
  pid: number;
  /** When the process began, as the system tells it; tells a reused pid from the one that took the lock. */
  began: string;
}

/** Start time of a process in clock ticks since boot plus the boot's id; empty where the system has no /proc. */
function beginning(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${ticks}`;
  } catch {
    return '';
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.pid === process.pid) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const began = beginning(holder.pid);
  return began === '' || holder.began === '' || began === holder.began;
}

function read(file: string): Holder | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

export interface DataDir {
  /** Absolute path. */
  path: string;
  /** A folder of that name inside, made when missing. */
  folder(name: string): string;
  /** 32 bytes that stay the same over restarts; made on first use, readable by the owner only. */
  secretsKey(): Buffer;
  release(): void;
}

/**
 * Makes the directory and locks it. A lock left behind by a killed process is taken over at once: it names a process
 * that no longer runs, or another one that got the same pid.
 * @throws DataDirInUseError, or OperatorError when it can't be written to
 */
export function openDataDir(directory: string): DataDir {
  const root = path.resolve(directory);
  const lock = path.join(root, 'lock');
  // Written apart and linked into place, so that nobody ever reads a lock that is only half there.
  const mine = `${lock}.${process.pid}`;
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    writeFileSync(mine, JSON.stringify({ pid: process.pid, began: beginning(process.pid) }), { mode: 0o600 });
  } catch (error) {
    const { message } = error as Error;
    throw new OperatorError(`DATA_DIR=${directory} is no directory that can be written to: ${message}`);
  }
  try {
    take(lock, mine, root);
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    path: root,
    folder: (name) => {
      const folder = path.join(root, name);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    },
    secretsKey: () => keptKey(path.join(root, 'secrets.key')),
    release: () => {
      if (read(lock)?.pid === process.pid) rmSync(lock, { force: true });
    },
  };
}

function take(lock: string, mine: string, root: string): void {
  for (let attempt = 0; ; attempt += 1) {
    try {
      linkSync(mine, lock);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = read(lock);
    if (attempt >= 5 || (holder !== null && isAlive(holder))) {
      throw new DataDirInUseError(
        `${root} is in use by process ${holder?.pid ?? 'unknown'}. Stop that process, or start this one with another DATA_DIR (and other ports).`,
      );
    }
    takeAway(lock);
  }
}

/** Moves a dead lock aside before removing it, so that of two processes that found it dead only one gets it. */
function takeAway(lock: string): void {
  const aside = `${lock}.${process.pid}.dead`;
  try {
    renameSync(lock, aside);
    const moved = read(aside);
    // Between the look and the move another process may have put its own lock there: that one goes back.
    if (moved !== null && isAlive(moved)) linkSync(aside, lock);
    rmSync(aside);
  } catch {
    // The other process was quicker; the caller looks again.
  }
}

function keptKey(file: string): Buffer {
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (key.length !== 32)
    throw new Error(`${file} does not hold 32 bytes as base64; restore it from a backup.`);
  return key;
}
