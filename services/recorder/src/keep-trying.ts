import type { Clock } from '@milena/runtime';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5000;

/**
 * Tries until it works or the signal is aborted, waiting 100 ms after the first failure, twice as long after each
 * further one, 5 s at most. Never rejects.
 */
export async function keepTrying(options: {
  clock: Clock;
  signal: AbortSignal;
  attempt: () => Promise<void>;
  onFailure: (error: unknown, tries: number, retryInMs: number) => void;
}): Promise<void> {
  for (let tries = 1; !options.signal.aborted; tries += 1) {
    try {
      await options.attempt();
      return;
    } catch (error) {
      const retryInMs = Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), LONGEST_RETRY_MS);
      options.onFailure(error, tries, retryInMs);
      await pause(options.clock, retryInMs, options.signal);
    }
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, finish);
    function finish(): void {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    }
    signal.addEventListener('abort', finish);
    if (signal.aborted) finish();
  });
}
