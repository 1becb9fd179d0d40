import { createTestClock } from '@milena/runtime';
import type { Connection } from '../src/connection.ts';
import { createIdleConnections } from '../src/idle-connections.ts';

const connectionTo = (origin: string): Connection => ({
  origin,
  run: () => undefined,
  rest: () => undefined,
  cut: () => undefined,
  destroy: () => Promise.resolve(),
});

const LONGEST_MS = 4000;

function setUp(limit = 10) {
  const clock = createTestClock();
  const stale: Connection[] = [];
  const onStale = (connection: Connection): void => {
    stale.push(connection);
  };
  return { clock, stale, idle: createIdleConnections({ limit, longestMs: LONGEST_MS, clock, onStale }) };
}

describe('idle connections', () => {
  it('the one used last is taken first, and only for its own origin', () => {
    const { idle, stale } = setUp();
    const [first, second, other] = [connectionTo('a'), connectionTo('a'), connectionTo('b')];
    for (const connection of [first, second, other]) expect(idle.put(connection)).toBe(true);
    expect([idle.take('a'), idle.take('a'), idle.take('a')]).toEqual([second, first, undefined]);
    expect([idle.take('b'), idle.take('b')]).toEqual([other, undefined]);
    expect(stale).toEqual([]);
  });

  it('no more than the limit are kept over all origins, and a closed one makes room', () => {
    const { idle } = setUp(2);
    const [first, second, third] = [connectionTo('a'), connectionTo('b'), connectionTo('c')];
    expect([idle.put(first), idle.put(second), idle.put(third)]).toEqual([true, true, false]);
    expect([idle.remove(first), idle.remove(first), idle.remove(third)]).toEqual([true, false, false]);
    expect(idle.put(third)).toBe(true);
    expect(['a', 'b', 'c'].map((origin) => idle.take(origin))).toEqual([undefined, second, third]);
  });

  it('one that has been idle for too long is not taken, nor is any that has been for longer; they make room', () => {
    const { clock, idle, stale } = setUp(3);
    const [first, second, other] = [connectionTo('a'), connectionTo('a'), connectionTo('b')];
    idle.put(first);
    clock.advance(1000);
    for (const connection of [second, other]) idle.put(connection);
    clock.advance(LONGEST_MS);
    expect(idle.take('b')).toBe(other);
    clock.advance(1);
    expect(idle.take('a')).toBeUndefined();
    expect(stale).toEqual([second, first]);
    expect([connectionTo('c'), connectionTo('c'), connectionTo('c')].map((one) => idle.put(one))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('of two the one used a moment ago is taken, however old the other', () => {
    const { clock, idle, stale } = setUp();
    const [old, fresh] = [connectionTo('a'), connectionTo('a')];
    idle.put(old);
    clock.advance(LONGEST_MS + 1);
    idle.put(fresh);
    expect(idle.take('a')).toBe(fresh);
    expect(idle.take('a')).toBeUndefined();
    expect(stale).toEqual([old]);
  });
});
