import type { Clock, Logger } from '@milena/runtime';

/** First and longest wait between two tries. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/**
 * Something on our side that is away: everyone who met it waits for one common next try, so that an outage costs one
 * timer however many records it holds up.
 */
export interface Outage {
  /** Reports a failure; resolves when it is time to try again, or at once after `release`. */
  failed(error: unknown): Promise<void>;
  /** Somebody who had failed got through. */
  over(): void;
  /** The reason of the latest failure; null while all is well. */
  reason(): string | null;
  /** Wakes everyone who waits, now and from now on. */
  release(): void;
}

/** @param onChange is told when the outage begins (true) and when it is over (false) */
export function createOutage(deps: {
  /** Event name of the log lines, for example `delivery.log_unavailable`. */
  event: string;
  clock: Clock;
  logger: Logger;
  onChange?: (down: boolean) => void;
}): Outage {
  const { clock, logger, event } = deps;
  let waitMs = FIRST_WAIT_MS;
  let reason: string | null = null;
  let released = false;
  let next: { promise: Promise<void>; wake: () => void } | null = null;

  function nextTry(): Promise<void> {
    if (next) return next.promise;
    let wake: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => {
      const cancel = clock.after(waitMs, () => {
        wake();
      });
      wake = () => {
        cancel();
        next = null;
        resolve();
      };
    });
    next = { promise, wake };
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    return promise;
  }

  return {
    failed: (error) => {
      const first = reason === null;
      reason = error instanceof Error ? error.message : String(error);
      if (!next) logger.error({ event, err: error, next_try_ms: waitMs });
      if (first) deps.onChange?.(true);
      return released ? Promise.resolve() : nextTry();
    },
    over: () => {
      if (reason === null) return;
      reason = null;
      waitMs = FIRST_WAIT_MS;
      logger.info({ event, over: true });
      deps.onChange?.(false);
    },
    reason: () => reason,
    release: () => {
      released = true;
      next?.wake();
    },
  };
}
