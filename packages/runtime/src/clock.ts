/** Cancels the timer it came from; calling it again, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/**
 * The only source of time. Everything that waits or stamps takes one, so that a test can play six attempts over
 * twenty minutes in milliseconds.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs `task` once, `delayMs` from now at the earliest. Does not keep the process alive. */
  after(delayMs: number, task: () => void): CancelTimer;
}

/** Longest delay that Node's timers take; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, Math.min(Math.max(0, delayMs), LONGEST_TIMER_MS));
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves `delayMs` from now on the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}

export interface TestClock extends Clock {
  /** Moves time forward, firing due timers in order of their due time; timers set by those fire too when due. */
  advance(ms: number): void;
  /** Due time of the earliest pending timer, in ms since the epoch, or null when none is set. */
  nextTimerAt(): number | null;
}

/** A clock that stands still until it is told to move. */
export function createTestClock(startMs = Date.UTC(2026, 0, 1)): TestClock {
  let nowMs = startMs;
  let sequence = 0;
  const timers = new Map<number, { at: number; task: () => void }>();

  const earliest = (): { id: number; at: number; task: () => void } | null => {
    let first: { id: number; at: number; task: () => void } | null = null;
    for (const [id, timer] of timers) if (first === null || timer.at < first.at) first = { id, ...timer };
    return first;
  };

  return {
    now: () => nowMs,
    after: (delayMs, task) => {
      sequence += 1;
      const id = sequence;
      timers.set(id, { at: nowMs + Math.max(0, delayMs), task });
      return () => {
        timers.delete(id);
      };
    },
    nextTimerAt: () => earliest()?.at ?? null,
    advance: (ms) => {
      const target = nowMs + ms;
      for (let next = earliest(); next !== null && next.at <= target; next = earliest()) {
        timers.delete(next.id);
        nowMs = Math.max(nowMs, next.at);
        next.task();
      }
      nowMs = target;
    },
  };
}
