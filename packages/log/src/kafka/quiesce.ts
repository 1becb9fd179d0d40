import { setTimeout as sleep } from 'node:timers/promises';

/** What answers at all mostly does so by then; the rest of the group waits meanwhile. */
const QUIET_MS = 250;
/** With much to do something ends all the time. */
const LONGEST_MS = 2_000;
const LOOK_MS = 5;
/** A process that stood still had no time to see anything end: a longer step counts as this much. */
const LONGEST_STEP_MS = 4 * LOOK_MS;

/**
 * Resolves when nothing is under way any more, or when nothing of it has come to its end for 250 ms, or after two
 * seconds.
 * @param underWay how much there is; it must not grow meanwhile
 */
export async function quiesce(underWay: () => number): Promise<void> {
  const startedAt = performance.now();
  let lookedAt = startedAt;
  let left = underWay();
  let quietMs = 0;
  while (left > 0) {
    await sleep(LOOK_MS);
    const now = performance.now();
    const still = underWay();
    quietMs = still < left ? 0 : quietMs + Math.min(now - lookedAt, LONGEST_STEP_MS);
    lookedAt = now;
    left = still;
    if (quietMs >= QUIET_MS || now - startedAt >= LONGEST_MS) return;
  }
}
