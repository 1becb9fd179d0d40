import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NODE_FLAGS, onFreePorts } from './service-process.ts';

const ROOT = path.resolve(__dirname, '../../..');
const MAIN = path.join(ROOT, 'services/all-in-one/dist/main.cjs');

/** Of the message that it is ready, which comes after the file that says where. */
const LAST_WORDS = 'Stop with Ctrl-C.';

interface Endpoints {
  pid: number;
  api: string;
  admin: string;
  demo_receiver: string;
}

/** A running all-in-one: the built program as a user runs it, in a process of its own. */
export interface RunningAllInOne extends Endpoints {
  dataDir: string;
  /** What it printed so far. */
  output(): string;
  /**
   * SIGTERM, and waits for the end; rejects when it did not end well.
   * @param signal sends something else to the process that was started: npm's, if it was started by it
   */
  stop(signal?: (pid: number) => void): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
}

export interface AllInOneOptions {
  /** Kept over starts; made (and removed by `removeDataDir`) when not given. */
  dataDir?: string;
  env?: Record<string, string>;
  main?: string;
  /** By `npm start` and in a process group of its own, as a supervisor does; `main` is not looked at. */
  byNpm?: boolean;
}

export function temporaryDataDir(): string {
  return mkdtempSync(path.join(tmpdir(), 'milena-'));
}

export function removeDataDir(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once('exit', resolve);
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function readyEndpoints(file: string, child: ChildProcess, output: () => string): Promise<Endpoints> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(
        `the all-in-one ended with ${String(child.exitCode)} before it was ready:\n${output()}`,
      );
    }
    if (output().includes(LAST_WORDS)) return JSON.parse(readFileSync(file, 'utf8')) as Endpoints;
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the all-in-one was not ready within a minute:\n${output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function spawnAllInOne({ main = MAIN, byNpm = false, env }: AllInOneOptions, dataDir: string) {
  const [program, args] = byNpm ? ['npm', ['start', '--silent']] : [process.execPath, [...NODE_FLAGS, main]];
  return spawn(program, args, {
    cwd: byNpm ? ROOT : undefined,
    detached: byNpm,
    env: onFreePorts({ DATA_DIR: dataDir, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Starts the built all-in-one on free ports and waits until it is ready. */
export async function startAllInOne(options: AllInOneOptions = {}): Promise<RunningAllInOne> {
  const dataDir = options.dataDir ?? temporaryDataDir();
  const child = spawnAllInOne(options, dataDir);
  // Whoever ends without stopping it does not leave it behind; killed, it would leave its database behind.
  const orphaned = (): void => void child.kill('SIGTERM');
  process.once('exit', orphaned);
  child.once('exit', () => process.off('exit', orphaned));
  let text = '';
  const collect = (chunk: Buffer): void => {
    text = (text + chunk.toString('utf8')).slice(-200_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const endpoints = await readyEndpoints(path.join(dataDir, 'endpoints.json'), child, () => text);
  return {
    ...endpoints,
    dataDir,
    output: () => text,
    stop: async (signal) => {
      if (signal && child.pid !== undefined) signal(child.pid);
      else child.kill('SIGTERM');
      const code = await ended(child);
      if (code !== 0) throw new Error(`the all-in-one ended with ${String(code)}:\n${text}`);
    },
    kill: async () => {
      if (options.byNpm && child.pid !== undefined) killGroup(child.pid);
      else child.kill('SIGKILL');
      await ended(child);
    },
  };
}
