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

describe('lanes that time out', () => {
  /** Lanes of one schedule with records that wait, in the order in which they line up. */
  function lined(kinds: readonly ('unhealthy' | 'unproven' | 'healthy')[], records: number) {
    const worlds = kinds.map((kind) => {
      const one = waitingLane(records);
      one.state.admits = true;
      one.lane.proven = kind !== 'unproven';
      one.lane.unhealthy = kind === 'unhealthy';
      return one;
    });
    const clock = createTestClock(0);
    const schedule = createSchedule(clock, 1024);
    for (const { lane } of worlds) offer(schedule, lane);
    pump(schedule);
    return { clock, schedule, worlds, goes: () => worlds.map(({ count }) => count('go')) };
  }

  test('do not make a new one wait until all of them had their turn', () => {
    const clock = createTestClock(0);
    // Room for one attempt of those that time out or that nobody knows.
    const schedule = createSchedule(clock, 4);
    const order: string[] = [];
    let last: Entry | null = null;
    for (const name of [...Array.from({ length: 30 }, () => 'unhealthy'), 'new']) {
      const { lane, state } = waitingLane(0);
      state.admits = true;
      lane.unhealthy = name === 'unhealthy';
      lane.proven = lane.unhealthy;
      const resolve = (entry: Entry): void => {
        order.push(name);
        last = entry;
      };
      lane.queue.push({ tenure: { ended: false }, resolve }, { tenure: { ended: false }, resolve });
      offer(schedule, lane);
    }
    pump(schedule);
    for (let n = 0; n < 5; n += 1) {
      const turn = last as Entry | null;
      if (turn?.kind === 'go') turn.cancel();
      clock.advance(10);
    }
    expect(order.slice(0, 4).filter((name) => name === 'new')).toHaveLength(2);
    expect(order).toHaveLength(6);
  });

  test('begin their attempts one after the other, and hold up neither known nor new ones', () => {
    const { clock, goes } = lined(['unhealthy', 'unhealthy', 'healthy', 'unproven'], 2);
    expect(goes()).toEqual([1, 0, 2, 2]);
    clock.advance(9);
    expect(goes()).toEqual([1, 0, 2, 2]);
    clock.advance(1);
    expect(goes()).toEqual([1, 1, 2, 2]);
    clock.advance(20);
    expect(goes()).toEqual([2, 2, 2, 2]);
    clock.advance(10);
    expect(clock.nextTimerAt()).toBeNull();
  });

  test.each([
    ['unproven', 'unhealthy'],
    ['unhealthy', 'unproven'],
  ] as const)('take turns with new ones, which go first whoever lined up first: %s, %s', (first, second) => {
    const { schedule, worlds } = lined([first, second], 0);
    for (const { lane } of worlds) {
      for (let n = 0; n < 2; n += 1) lane.queue.push({ tenure: { ended: false }, resolve: () => undefined });
      offer(schedule, lane);
    }
    const under = () => worlds.map(({ lane }) => lane.inFlight);
    schedule.suspectInFlight = schedule.suspectLimit - 1;
    pump(schedule);
    expect(under()).toEqual(first === 'unproven' ? [1, 0] : [0, 1]);
    schedule.suspectInFlight -= 1;
    pump(schedule);
    expect(under()).toEqual([1, 1]);
  });

  test('begin together the more, the more there are, for all may be well again', () => {
    const { clock, goes } = lined(Array<'unhealthy'>(200).fill('unhealthy'), 1);
    const under = () => goes().reduce((sum, n) => sum + n, 0);
    expect(under()).toBe(4);
    clock.advance(10);
    expect(under()).toBe(8);
    clock.advance(1500);
    expect(under()).toBe(200);
  });

  test('leave the turn to others when there is no attempt after all', () => {
    const { clock, schedule, worlds } = lined(['unhealthy', 'unhealthy'], 0);
    const cancelled: Entry[] = [];
    for (const { lane } of worlds) {
      lane.queue.push({
        tenure: { ended: false },
        resolve: (entry) => {
          cancelled.push(entry);
        },
      });
      offer(schedule, lane);
    }
    pump(schedule);
    expect(cancelled).toHaveLength(1);
    const [first] = cancelled;
    if (first?.kind === 'go') first.cancel();
    expect(cancelled).toHaveLength(2);
    expect(clock.now()).toBe(0);
  });
});
