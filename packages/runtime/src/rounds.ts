import type { CancelTimer, Clock } from './clock.ts';

/** Work that goes on in the background, round after round, never two at a time. */
export interface Rounds {
  /** Begins at once; resolves after the first round. */
  start: () => Promise<void>;
  /** No round begins any more; resolves when none is under way. */
  stop: () => Promise<void>;
}

/**
 * @param round does what is to be done now and resolves to the time until it is called again, ms; null = never. It must
 * not reject, and ends early when the signal comes.
 */
export function createRounds(clock: Clock, round: (stopping: AbortSignal) => Promise<number | null>): Rounds {
  const stopping = new AbortController();
  let running: Promise<void> | null = null;
  let cancelTimer: CancelTimer | null = null;

  async function run(): Promise<void> {
    const waitMs = await round(stopping.signal);
    if (waitMs !== null && !stopping.signal.aborted) cancelTimer = clock.after(waitMs, () => void start());
  }

  function start(): Promise<void> {
    running = run();
    return running;
  }

  return {
    start,
    stop: async () => {
      stopping.abort();
      cancelTimer?.();
      await running;
    },
  };
}
