import { LogUnavailableError } from '@milena/log';
import type { Clock, Logger } from '@milena/runtime';
import { StoreUnavailableError } from '@milena/stores';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;

/**
 * Tries until the engine takes it. An engine that is away is waited for, however long: engines and services may be
 * started in any order. Anything else than being away rejects at once.
 *
 * @param told ends the wait: the promise then rejects with what was wrong last
 */
export async function whenAvailable<T>(
  what: string,
  deps: { clock: Clock; logger: Logger },
  told: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await work();
    } catch (error) {
      const transient = error instanceof LogUnavailableError || error instanceof StoreUnavailableError;
      if (!transient || told.aborted) throw error;
      deps.logger.warn({ event: 'start.waiting', for: what, reason: error.message, next_try_ms: waitMs });
      await pause(deps.clock, waitMs, told);
    }
  }
}

/** Resolves after `ms`, or as soon as `told` is aborted. */
function pause(clock: Clock, ms: number, told: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, done);
    function done(): void {
      told.removeEventListener('abort', done);
      cancel();
      resolve();
    }
    told.addEventListener('abort', done);
  });
}
