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
function flooded(): Lane {
  const lane = createLane(CLOSED, 0);
  lane.inFlight = 2;
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

test('a first attempt that times out is no answer', () => {
  const lane = flooded();
  const timedOut = answer(clock, { ok: false, error_kind: 'timeout', duration_ms: 15_000 });
  learn(lane, timedOut, 15_000);
  expect(put(lane, 15_000)).toBeGreaterThan(40_000);
});
