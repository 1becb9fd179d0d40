import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';

/** Starts a script beside this one that says where it listens. */
export async function startChild(
  file: string,
  ...args: string[]
): Promise<{ child: ChildProcess; origin: string }> {
  const child = fork(path.join(__dirname, file), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => {
      resolve((message as { port: number }).port);
    });
    child.once('exit', (code) => {
      reject(new Error(`${file} ended with ${String(code)}`));
    });
  });
  return { child, origin: `http://127.0.0.1:${port}` };
}
