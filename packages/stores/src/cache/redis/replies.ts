import type { Clock } from '@milena/runtime';

/** Redis didn't do it: it is away, too late, or refuses. Never a reason to fail what the cache is for. */
export class RedisAwayError extends Error {
  override name = 'RedisAwayError';
}

interface Replies {
  /** @throws RedisAwayError also for whatever `work` throws */
  within<T>(work: () => Promise<T>): Promise<T>;
  /** Nobody waits any more. */
  failAll(error: Error): void;
}

/** Waits for replies, for each until the deadline at most. */
export function createReplies(clock: Clock, deadlineMs: number): Replies {
  const failing = new Set<(error: Error) => void>();
  return {
    within: <T>(work: () => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        const done = (): void => {
          cancel();
          failing.delete(fail);
        };
        const fail = (cause: Error): void => {
          done();
          reject(cause instanceof RedisAwayError ? cause : new RedisAwayError(cause.message, { cause }));
        };
        const cancel = clock.after(deadlineMs, () => {
          // When it was this process that was busy, the reply lies in the socket: let it be read first.
          setImmediate(() => {
            fail(new RedisAwayError(`no reply within ${deadlineMs} ms`));
          });
        });
        failing.add(fail);
        work().then((value) => {
          done();
          resolve(value);
        }, fail);
      }),
    failAll: (error) => {
      for (const fail of [...failing]) fail(error);
    },
  };
}
