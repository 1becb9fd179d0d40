import { createTestClock } from '@milena/runtime';
import type { Breaker } from '../src/breakers.ts';
import { admit, createLane, learn, type Lane } from '../src/lane.ts';
import { answer } from './world.ts';

const CLOSED: Breaker = {
  state: () => 'closed',
  admits: () => true,
  claim: () => false,
  giveBack: () => undefined,
  run: (post) => post(),
  shutdown: () => undefined,
};

const clock = createTestClock(0);

/** Takes a record into the lane. @returns for how long it is put off, ms; 0 = it waits in the lane */
function put(lane: Lane, now: number): number {
  const refused = admit(lane, 32, 0, now);
  if (refused === null) lane.queue.push({ tenure: { ended: false }, resolve: () => undefined });
  return refused?.kind === 'defer' ? (refused.wait_ms ?? Infinity) : 0;
}

/** So many records came to an endpoint that has not answered yet, and most were put off for up to a minute. */
function flooded(ratePerS: number | null = null): Lane {
  const lane = createLane(CLOSED, 0);
  lane.ratePerS = ratePerS;
  const waits = Array.from({ length: 25_000 }, () => put(lane, 0));
  expect(Math.max(...waits)).toBe(60_000);
  return lane;
}

test('what is put off after the first answer does not wait for all that was put off before it', () => {
  const lane = flooded();
  expect(put(lane, 3000)).toBeGreaterThan(50_000);
  learn(lane, answer(clock, { duration_ms: 3000 }), 3000);
  expect(put(lane, 3000)).toBeLessThan(2000);
});

test('a first attempt that times out is no answer, and none is missed for it', () => {
  const lane = flooded();
  learn(lane, answer(clock, { ok: false, error_kind: 'timeout', duration_ms: 15_000 }), 15_000);
  expect(put(lane, 15_000)).toBeGreaterThan(40_000);
  learn(lane, answer(clock), 15_000);
  expect(put(lane, 15_000)).toBeLessThan(20_000);
});

test('times that go by a rate limit are no guess, and stay', () => {
  const lane = flooded(100);
  learn(lane, answer(clock), 3000);
  // Meanwhile there is room for some more.
  expect(Array.from({ length: 20 }, () => put(lane, 3000)).at(-1)).toBeGreaterThan(50_000);
});
