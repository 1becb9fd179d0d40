import { createTestClock } from '@milena/runtime';
import { createDueWindow, dueAtOf } from '../src/due-window.ts';

function setUp(bounds: { maxRecords?: number; maxBytes?: number } = {}) {
  const clock = createTestClock();
  const start = clock.now();
  const taken: { item: string; at: number }[] = [];
  const window = createDueWindow<string>({
    clock,
    ...bounds,
    onDue: (partitions) => {
      for (const partition of partitions) {
        for (let item = window.take(partition); item !== undefined; item = window.take(partition)) {
          taken.push({ item, at: clock.now() - start });
        }
      }
    },
  });
  const hold = (partition: string, item: string, inMs: number, bytes = 1): void => {
    window.hold(partition, item, start + inMs, bytes);
  };
  return { clock, window, taken, hold };
}

describe('due window', () => {
  it('gives each record at its time, never before, the earliest first however they came', () => {
    const { clock, taken, hold } = setUp();
    hold('p', 'c', 300);
    hold('p', 'a', 100);
    hold('q', 'b', 200);
    hold('p', 'a2', 100);
    clock.advance(99);
    expect(taken).toEqual([]);
    clock.advance(1_000);
    expect(taken).toEqual([
      { item: 'a', at: 100 },
      { item: 'a2', at: 100 },
      { item: 'b', at: 200 },
      { item: 'c', at: 300 },
    ]);
  });

  it('is full by count or by bytes, per partition, until something leaves', () => {
    const { clock, window, hold } = setUp({ maxRecords: 2, maxBytes: 100 });
    hold('p', 'a', 10);
    expect(window.isFull('p')).toBe(false);
    hold('p', 'b', 20);
    hold('q', 'big', 20, 100);
    expect([window.isFull('p'), window.isFull('q'), window.isFull('r')]).toEqual([true, true, false]);
    clock.advance(10);
    expect([window.isFull('p'), window.isFull('q')]).toEqual([false, true]);
  });

  it('sets one timer, whatever it holds', () => {
    let timers = 0;
    const clock = createTestClock();
    const window = createDueWindow<number>({
      clock: {
        now: () => clock.now(),
        after: (ms, task) => {
          timers += 1;
          const cancel = clock.after(ms, task);
          return () => {
            timers -= 1;
            cancel();
          };
        },
      },
      onDue: () => undefined,
    });
    for (let i = 1_000; i > 0; i -= 1) window.hold(`p${i % 7}`, i, clock.now() + i, 1);
    expect(timers).toBe(1);
    window.stop();
    expect(timers).toBe(0);
  });

  it('a record that was due but not taken stays, and what comes after it still fires', () => {
    const clock = createTestClock();
    const due: string[] = [];
    const window = createDueWindow<string>({ clock, onDue: (partitions) => due.push(...partitions) });
    window.hold('p', 'first', clock.now() + 10, 1);
    window.hold('p', 'second', clock.now() + 20, 1);
    clock.advance(15);
    expect(due).toEqual(['p']);
    expect(window.take('p')).toBe('first');
    expect(window.take('p')).toBeUndefined();
    clock.advance(5);
    expect(due).toEqual(['p', 'p']);
    expect(window.peek('p')).toBe('second');
  });

  it('a dropped partition is never heard of again', () => {
    const { clock, window, taken, hold } = setUp();
    hold('p', 'a', 10);
    hold('q', 'b', 10);
    window.drop('p');
    clock.advance(100);
    expect(taken.map(({ item }) => item)).toEqual(['b']);
  });

  it('comes out in order of due time from any order of ten thousand', () => {
    const { clock, taken, hold } = setUp({ maxRecords: Infinity });
    // Multiplying by a number coprime to the count visits every due time once, far out of order.
    for (let i = 0; i < 10_000; i += 1) hold('p', String(i), ((i * 7_919) % 10_000) + 1);
    clock.advance(10_000);
    expect(taken).toHaveLength(10_000);
    expect(taken.every(({ at }, index) => at === index + 1)).toBe(true);
  });

  it('reads due times; what is no number does not hold a record back', () => {
    expect(dueAtOf({ 'due-at': '1764000000000' })).toBe(1764000000000);
    expect(dueAtOf({})).toBeNull();
    expect(dueAtOf({ 'due-at': 'soon' })).toBeNull();
    expect(dueAtOf({ 'due-at': '' })).toBeNull();
  });
});
