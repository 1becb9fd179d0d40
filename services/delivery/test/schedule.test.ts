import { createTestClock } from '@milena/runtime';
import type { Breaker } from '../src/breakers.ts';
import { createLane, type Entry } from '../src/lane.ts';
import { createSchedule, offer, pump, trim } from '../src/schedule.ts';

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
  const { clock, schedule, lane, count } = waitingLane(18);
  for (let n = 0; n < 3; n += 1) trim(schedule, lane);
  pump(schedule);
  const seen = [count('defer')];
  for (let n = 0; n < 5; n += 1) {
    clock.advance(10);
    seen.push(count('defer'));
  }
  expect(seen).toEqual([4, 8, 12, 16, 18, 18]);
  expect(clock.nextTimerAt()).toBeNull();
});

test('the more there is to put off, the larger the lumps, up to a bound', () => {
  const { clock, schedule, lane, count } = waitingLane(4096);
  trim(schedule, lane);
  expect(count('defer')).toBe(16);
  clock.advance(2200);
  expect(count('defer')).toBeGreaterThan(3000);
  const before = count('defer');
  clock.advance(10);
  expect(count('defer') - before).toBeLessThan(16);
  clock.advance(2000);
  expect(count('defer')).toBe(4096);
});

test('what still waits when the breaker lets attempts through again gets its turn', () => {
  const { clock, schedule, state, lane, count } = waitingLane(40);
  trim(schedule, lane);
  state.admits = true;
  clock.advance(10);
  expect([count('defer'), count('go')]).toEqual([4, 4]);
});

test('attempts at endpoints that time out begin one after the other, and hold up neither known nor new ones', () => {
  const { clock, state, lane, count } = waitingLane(3);
  state.admits = true;
  lane.unhealthy = true;
  const healthy = waitingLane(1);
  healthy.state.admits = true;
  const unproven = waitingLane(1);
  unproven.state.admits = true;
  unproven.lane.proven = false;
  const all = [lane, healthy.lane, unproven.lane];
  const schedule = createSchedule(clock, 16);
  for (const one of all) offer(schedule, one);
  pump(schedule);
  const goes = () => [count('go'), healthy.count('go'), unproven.count('go')];
  expect(goes()).toEqual([1, 1, 1]);
  clock.advance(9);
  expect(count('go')).toBe(1);
  clock.advance(1);
  expect(count('go')).toBe(2);
  clock.advance(10);
  expect(goes()).toEqual([3, 1, 1]);
});
