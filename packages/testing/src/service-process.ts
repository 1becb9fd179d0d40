import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';

/** Of the repository, as seen from this file; a bundle must say it. */
const ROOT = path.resolve(__dirname, '../../..');
/** As the Dockerfile and scripts/node-flags.mjs have them; a bundle can import neither. */
export const NODE_FLAGS = [
  '--enable-source-maps',
  '--no-parallel-scavenge',
  '--no-allocation-site-pretenuring',
  '--min-semi-space-size=32',
  '--max-semi-space-size=32',
  '--heap-growing-percent=100',
  '--v8-pool-size=1',
];
const START_TIMEOUT_MS = 60_000;

/** The environment of a program that is started on free ports; it inherits nothing else. */
export const onFreePorts = (env: Record<string, string>): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  PORT: '0',
  ADMIN_PORT: '0',
  DEMO_RECEIVER_PORT: '0',
  ...env,
});

/** A built service as a process of its own, told where it listens by its own log. */
export interface ServiceProcess {
  name: string;
  pid: number;
  /** URLs by what they are for: `api`, `admin`, `receiver`. */
  addresses: Readonly<Record<string, string>>;
  /** The newest part of what it printed. */
  output(): string;
  running(): boolean;
  /** SIGTERM, and waits for the end; rejects when it did not end well. */
  stop(): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
}

interface Started {
  event: string;
  [what: string]: unknown;
}

/** The line that a service logs once it runs, if this is it. */
function startedLine(line: string): Started | null {
  if (!line.includes('"process.started"')) return null;
  const parsed = JSON.parse(line) as Started;
  return parsed.event === 'process.started' ? parsed : null;
}

/**
 * Starts `<place>/dist/main.cjs` on free ports and waits until it runs. With TEST_LOG_DIR set, what it prints is kept
 * there.
 */
export async function startServiceProcess(
  place: string,
  env: Record<string, string>,
  root = ROOT,
): Promise<ServiceProcess> {
  const name = path.basename(place);
  const child = spawn(process.execPath, [...NODE_FLAGS, path.join(root, place, 'dist/main.cjs')], {
    env: onFreePorts(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const logDir = process.env['TEST_LOG_DIR'];
  const log = logDir ? createWriteStream(path.join(logDir, `${name}-${String(child.pid)}.log`)) : null;
  let text = '';
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  const addresses = await new Promise<Record<string, string>>((resolve, reject) => {
    const fail = (what: string): void => {
      child.kill('SIGKILL');
      reject(new Error(`${name} ${what}:\n${text}`));
    };
    const limit = setTimeout(() => {
      fail(`was not up within ${START_TIMEOUT_MS} ms`);
    }, START_TIMEOUT_MS);
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      fail(`ended with ${String(code ?? signal)} before it was up`);
    });
    let rest = '';
    const read = (chunk: Buffer): void => {
      log?.write(chunk);
      text = (text + chunk.toString()).slice(-200_000);
      if (!limit.hasRef()) return;
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const started = startedLine(line);
        if (!started) continue;
        clearTimeout(limit);
        limit.unref();
        const urls = Object.entries(started).filter(([, value]) => String(value).startsWith('http://'));
        resolve(Object.fromEntries(urls) as Record<string, string>);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  return {
    name,
    pid: child.pid ?? 0,
    addresses,
    output: () => text,
    running,
    stop: async () => {
      child.kill('SIGTERM');
      const code = await ended(child);
      if (code !== 0) throw new Error(`${name} ended with ${String(code)}:\n${text.slice(-5000)}`);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended(child);
    },
  };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once('exit', resolve);
  });
}
