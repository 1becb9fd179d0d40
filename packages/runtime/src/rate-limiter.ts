import type { Clock } from './clock.ts';

interface Bucket {
  tokens: number;
  /** ms since the epoch. */
  filledAt: number;
}

export interface RateLimiter {
  /**
   * 0 when one more may pass now (and takes it), otherwise the whole seconds to wait.
   * @param burst how many may pass at once after a rest; one second's worth, and at least one, unless told
   */
  take(id: string, perSecond: number, burst?: number): number;
}

/**
 * A token bucket per id. The least recently used are forgotten above
 * `maxBuckets`, which lets their ids burst once more at worst.
 */
export function createRateLimiter(deps: { clock: Clock; maxBuckets?: number }): RateLimiter {
  const { clock, maxBuckets = 10_000 } = deps;
  const buckets = new Map<string, Bucket>();

  return {
    take: (id, perSecond, burst = Math.max(1, perSecond)) => {
      const now = clock.now();
      const bucket = buckets.get(id) ?? { tokens: burst, filledAt: now };
      const gained = (Math.max(0, now - bucket.filledAt) / 1000) * perSecond;
      bucket.tokens = Math.min(burst, bucket.tokens + gained);
      bucket.filledAt = now;
      // A Map keeps the order of insertion: the first is the least recently used.
      buckets.delete(id);
      buckets.set(id, bucket);
      if (buckets.size > maxBuckets) {
        for (const oldest of buckets.keys()) {
          buckets.delete(oldest);
          break;
        }
      }
      if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / perSecond);
      bucket.tokens -= 1;
      return 0;
    },
  };
}
