import { createTestClock } from '@milena/runtime';
import type { Breaker } from '../src/breakers.ts';
import { createLane, type Entry } from '../src/lane.ts';
import { createSchedule, pump, trim } from '../src/schedule.ts';

/** A lane with records that wait behind a breaker which the test opens and closes. */
function waitingLane(records: number) {
  const clock = createTestClock(0);
  const schedule = createSchedule(clock, 4);
  const state = { admits: false };
  const breaker: Breaker = {
    state: () => (state.admits ? 'closed' : 'open'),
    admits: () => state.admits,
    claim: () => false,
    giveBack: () => undefined,
    run: (post) => post(),
    shutdown: () => undefined,
  };
  const lane = createLane(breaker, 0);
  lane.proven = true;
  const entries: Entry[] = [];
  for (let n = 0; n < records; n += 1)
    lane.queue.push({ tenure: { ended: false }, resolve: (entry) => entries.push(entry) });
  const count = (kind: Entry['kind']) => entries.filter((entry) => entry.kind === kind).length;
  return { clock, schedule, state, lane, count };
}

test('what an open breaker has waiting goes in lumps, however often it is asked for', () => {
  const { clock, schedule, lane, count } = waitingLane(40);
  for (let n = 0; n < 3; n += 1) trim(schedule, lane);
  pump(schedule);
  expect(count('defer')).toBe(16);
  clock.advance(10);
  expect(count('defer')).toBe(32);
  clock.advance(10);
  expect(count('defer')).toBe(40);
  clock.advance(10);
  expect(clock.nextTimerAt()).toBeNull();
});

test('what still waits when the breaker lets attempts through again gets its turn', () => {
  const { clock, schedule, state, lane, count } = waitingLane(40);
  trim(schedule, lane);
  state.admits = true;
  clock.advance(10);
  expect([count('defer'), count('go')]).toEqual([16, 4]);
});
