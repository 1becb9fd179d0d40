import type { Connection } from '../src/connection.ts';
import { createIdleConnections } from '../src/idle-connections.ts';

const connectionTo = (origin: string): Connection => ({
  origin,
  run: () => undefined,
  rest: () => undefined,
  cut: () => undefined,
  destroy: () => Promise.resolve(),
});

describe('idle connections', () => {
  it('the one used last is taken first, and only for its own origin', () => {
    const idle = createIdleConnections(10);
    const [first, second, other] = [connectionTo('a'), connectionTo('a'), connectionTo('b')];
    for (const connection of [first, second, other]) expect(idle.put(connection)).toBe(true);
    expect([idle.take('a'), idle.take('a'), idle.take('a')]).toEqual([second, first, undefined]);
    expect(idle.all()).toEqual([other]);
  });

  it('no more than the limit are kept over all origins, and a closed one makes room', () => {
    const idle = createIdleConnections(2);
    const [first, second, third] = [connectionTo('a'), connectionTo('b'), connectionTo('c')];
    expect([idle.put(first), idle.put(second), idle.put(third)]).toEqual([true, true, false]);
    expect([idle.remove(first), idle.remove(first), idle.remove(third)]).toEqual([true, false, false]);
    expect(idle.put(third)).toBe(true);
    expect(idle.all()).toEqual([second, third]);
  });
});
