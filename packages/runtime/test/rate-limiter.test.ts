import { createRateLimiter, createTestClock } from '../src/index.ts';

describe('the rate limiter', () => {
  it('lets one second of the rate through at once, then no more than the rate', () => {
    const clock = createTestClock();
    const limiter = createRateLimiter({ clock });
    const takes = (count: number) => Array.from({ length: count }, () => limiter.take('a', 4));
    expect(takes(5)).toEqual([0, 0, 0, 0, 1]);
    clock.advance(250);
    expect(takes(2)).toEqual([0, 1]);
    clock.advance(3_600_000);
    expect(takes(5)).toEqual([0, 0, 0, 0, 1]);
  });

  it('says how many seconds a slow rate has to be waited for', () => {
    const clock = createTestClock();
    const limiter = createRateLimiter({ clock });
    expect(limiter.take('a', 0.1)).toBe(0);
    expect(limiter.take('a', 0.1)).toBe(10);
    clock.advance(9000);
    expect(limiter.take('a', 0.1)).toBe(1);
    clock.advance(1000);
    expect(limiter.take('a', 0.1)).toBe(0);
  });

  it('lets a burst through after a rest, as large as it is told', () => {
    const clock = createTestClock();
    const limiter = createRateLimiter({ clock });
    const takes = (count: number) => Array.from({ length: count }, () => limiter.take('a', 0.5, 3));
    expect(takes(4)).toEqual([0, 0, 0, 2]);
    clock.advance(2000);
    expect(takes(2)).toEqual([0, 2]);
    clock.advance(3_600_000);
    expect(takes(4)).toEqual([0, 0, 0, 2]);
  });

  it('counts each id for itself', () => {
    const limiter = createRateLimiter({ clock: createTestClock() });
    expect([limiter.take('a', 1), limiter.take('b', 1), limiter.take('a', 1)]).toEqual([0, 0, 1]);
  });

  it('takes a lower limit into account at once', () => {
    const limiter = createRateLimiter({ clock: createTestClock() });
    limiter.take('a', 1000);
    expect([limiter.take('a', 1), limiter.take('a', 1)]).toEqual([0, 1]);
  });

  it('forgets the least recently used ids, never the ones in use', () => {
    const limiter = createRateLimiter({ clock: createTestClock(), maxBuckets: 2 });
    limiter.take('busy', 1);
    for (let i = 0; i < 10; i += 1) {
      limiter.take(`other-${String(i)}`, 1);
      expect(limiter.take('busy', 1)).toBe(1);
    }
    expect(limiter.take('other-9', 1)).toBe(1);
    expect(limiter.take('other-0', 1)).toBe(0);
  });
});
