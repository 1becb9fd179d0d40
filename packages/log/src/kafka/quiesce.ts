import { setTimeout as sleep } from 'node:timers/promises';

/** What answers at all mostly does so by then; the rest of the group waits meanwhile. */
const QUIET_MS = 250;
/** With much to do something ends all the time. */
const LONGEST_MS = 2_000;
const LOOK_MS = 5;

/**
 * Resolves when nothing is under way any more, or when nothing of it has come to its end for 250 ms, or after two seconds.
 * @param underWay how much there is; it must not grow meanwhile
 */
export async function quiesce(underWay: () => number): Promise<void> {
  const startedAt = performance.now();
  let left = underWay();
  let endedAt = startedAt;
  while (left > 0) {
    await sleep(LOOK_MS);
    const now = performance.now();
    const still = underWay();
    if (still < left) endedAt = now;
    left = still;
    if (now - endedAt >= QUIET_MS || now - startedAt >= LONGEST_MS) return;
  }
}
