import { fork } from 'node:child_process';
import path from 'node:path';
import { linesOf } from './lines.ts';
import type { Seen } from './seen.ts';

/** The endpoint, and what it saw. */
export interface Receiver {
  /** As Milena reaches it. */
  url: string;
  /** Of the run that the keys begin with. */
  seen(run: string): Promise<Seen[]>;
  stop(): void;
}

/** One that runs somewhere already. `seen`: where it tells what it saw. */
export function remoteReceiver(url: string, seen: string): Receiver {
  return { url, seen: (run) => readSeen(seen, run), stop: () => undefined };
}

/** In a process of its own on free ports of loopback. */
export async function startReceiver(options: { forget: number }): Promise<Receiver> {
  const file = path.join(__dirname, 'receiver-process.cjs');
  const child = fork(file, ['--port', '0', '--seen-port', '0', '--forget', String(options.forget)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  const told = await new Promise<{ receiver: string; seen: string }>((resolve, reject) => {
    child.once('message', (message) => {
      resolve(message as { receiver: string; seen: string });
    });
    child.once('exit', (code) => {
      reject(new Error(`the receiver ended with ${String(code)}`));
    });
  });
  return {
    url: told.receiver,
    seen: (run) => readSeen(told.seen, run),
    stop: () => {
      child.disconnect();
    },
  };
}

async function readSeen(url: string, run: string): Promise<Seen[]> {
  const response = await fetch(`${url}/seen?run=${encodeURIComponent(run)}`);
  if (!response.ok) throw new Error(`the receiver does not say what it saw: ${response.status}`);
  return linesOf(await response.text()).map((line) => JSON.parse(line) as Seen);
}
