import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 10_000;

/** Asks until the answer is yes; fails when that takes ten seconds. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await pause(5);
  }
}
