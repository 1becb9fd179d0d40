import { createMetrics, createTestClock } from '@milena/runtime';
import { createLocalInvalidationBus, createSubscriptionDirectory } from '../../src/cache/index.ts';
import { StoreUnavailableError } from '../../src/ports.ts';
import { createFakeLiveStore, live } from '../support/live-store.ts';

const TTL_MS = 30_000;

/** Of a time to live, all. */
const random = () => 0;

function setUp(options: { max?: number; random?: () => number } = {}) {
  const clock = createTestClock();
  const bus = createLocalInvalidationBus();
  const fake = createFakeLiveStore();
  const metrics = createMetrics();
  const open = () =>
    createSubscriptionDirectory({ live: fake.store, bus, clock, ttlMs: TTL_MS, random, metrics, ...options });
  return { clock, bus, metrics, open, directory: open(), ...fake };
}

/** Lets everything that is ready to run, run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('SubscriptionDirectory', () => {
  test('many who ask at once cost one read, and those who ask later none', async () => {
    const { directory, rows, state } = setUp();
    rows.set('a', live('a'));
    const found = await Promise.all(Array.from({ length: 100 }, () => directory.get('a')));
    expect(new Set(found)).toEqual(new Set([rows.get('a')]));
    await directory.get('a');
    expect(state.loads).toBe(1);
  });

  test('a change is seen by every directory on the bus as soon as invalidate resolves', async () => {
    const { directory, rows, open } = setUp();
    const other = open();
    rows.set('a', live('a'));
    await Promise.all([directory.get('a'), other.get('a')]);
    rows.set('a', live('a', { version: 2 }));
    await directory.invalidate('a', 'default');
    expect((await directory.get('a'))?.subscription.version).toBe(2);
    expect((await other.get('a'))?.subscription.version).toBe(2);
  });

  test('a read that began before an invalidation is not cached after it', async () => {
    const { directory, rows, hold, state } = setUp();
    rows.set('a', live('a', { version: 1 }));
    const letGo = hold();
    const early = directory.get('a');
    rows.set('a', live('a', { version: 2 }));
    await directory.invalidate('a', 'default');
    const late = directory.get('a');
    letGo();
    expect((await early)?.subscription.version).toBe(1);
    expect((await late)?.subscription.version).toBe(2);
    expect((await directory.get('a'))?.subscription.version).toBe(2);
    expect(state.loads).toBe(2);
  });

  test('the same holds for the list of a tenant', async () => {
    const { directory, rows, hold } = setUp();
    rows.set('a', live('a'));
    const letGo = hold();
    const early = directory.ofTenant('default');
    rows.set('b', live('b'));
    await directory.invalidate('b', 'default');
    letGo();
    await early;
    expect((await directory.ofTenant('default')).map(({ subscription }) => subscription.id)).toEqual([
      'a',
      'b',
    ]);
  });

  test('that a subscription is missing is remembered for two seconds, and forgotten when it is made', async () => {
    const { directory, rows, state, clock } = setUp();
    expect(await directory.get('a')).toBeNull();
    clock.advance(1999);
    expect(await directory.get('a')).toBeNull();
    expect(state.loads).toBe(1);
    clock.advance(1);
    expect(await directory.get('a')).toBeNull();
    expect(state.loads).toBe(2);
    rows.set('a', live('a'));
    await directory.invalidate('a', 'default');
    expect(await directory.get('a')).toBe(rows.get('a'));
  });

  test('an entry past its time is renewed in the background, and waited for when it is far past', async () => {
    const { directory, rows, clock, state } = setUp();
    rows.set('a', live('a', { version: 1 }));
    await directory.get('a');
    rows.set('a', live('a', { version: 2 }));
    clock.advance(TTL_MS - 1);
    expect((await directory.get('a'))?.subscription.version).toBe(1);
    expect(state.loads).toBe(1);
    clock.advance(1);
    expect((await directory.get('a'))?.subscription.version).toBe(1);
    await settled();
    expect((await directory.get('a'))?.subscription.version).toBe(2);
    rows.set('a', live('a', { version: 3 }));
    clock.advance(2 * TTL_MS);
    expect((await directory.get('a'))?.subscription.version).toBe(3);
  });

  test('what was read together is renewed one after the other, between half of its time and all of it', async () => {
    const many = 50;
    let drawn = 0;
    const { directory, rows, clock, state } = setUp({ random: () => drawn++ / many });
    const ids = Array.from({ length: many }, (_, n) => `s${n}`);
    for (const id of ids) rows.set(id, live(id));
    const askForAll = async () => {
      await Promise.all(ids.map((id) => directory.get(id)));
      await settled();
    };
    await askForAll();
    drawn = 0;
    clock.advance(TTL_MS / 2);
    const readIn: number[] = [];
    for (let step = 0; step < many; step += 1) {
      const before = state.loads;
      await askForAll();
      readIn.push(state.loads - before);
      clock.advance(TTL_MS / 2 / many);
    }
    await askForAll();
    expect(state.loads).toBe(2 * many);
    expect(Math.max(...readIn)).toBe(1);
  });

  test('while the store is away it serves what it has, however old, and asks again each second', async () => {
    const { directory, rows, clock, state } = setUp();
    rows.set('a', live('a', { version: 1 }));
    await directory.ofTenant('default');
    state.away = true;
    clock.advance(100 * TTL_MS);
    expect((await directory.get('a'))?.subscription.version).toBe(1);
    expect((await directory.ofTenant('default')).length).toBe(1);
    const { loads } = state;
    clock.advance(999);
    await directory.get('a');
    expect(state.loads).toBe(loads);
    clock.advance(1);
    await directory.get('a');
    await settled();
    expect(state.loads).toBe(loads + 1);
    state.away = false;
    rows.set('a', live('a', { version: 2 }));
    clock.advance(1000);
    await directory.get('a');
    await settled();
    expect((await directory.get('a'))?.subscription.version).toBe(2);
  });

  test('while the store is away a miss is unavailable, and so is a subscription that was missing', async () => {
    const { directory, state, clock, rows } = setUp();
    expect(await directory.get('gone')).toBeNull();
    state.away = true;
    clock.advance(2000);
    await expect(directory.get('gone')).rejects.toThrow(StoreUnavailableError);
    await expect(directory.get('a')).rejects.toThrow(StoreUnavailableError);
    await expect(directory.ofTenant('default')).rejects.toThrow(StoreUnavailableError);
    state.away = false;
    rows.set('a', live('a'));
    expect(await directory.get('a')).toBe(rows.get('a'));
  });

  test('an error that is no outage is not hidden behind an old entry', async () => {
    const clock = createTestClock();
    let broken = false;
    const directory = createSubscriptionDirectory({
      live: {
        load: (id) => (broken ? Promise.reject(new Error('wrong key')) : Promise.resolve(live(id))),
        idsOfTenant: () => Promise.resolve([]),
      },
      bus: createLocalInvalidationBus(),
      clock,
      ttlMs: TTL_MS,
      random,
    });
    await directory.get('a');
    broken = true;
    clock.advance(2 * TTL_MS);
    await expect(directory.get('a')).rejects.toThrow('wrong key');
  });

  test("a tenant's list leaves out what was disabled or moved away since", async () => {
    const { directory, rows } = setUp();
    for (const id of ['a', 'b', 'c']) rows.set(id, live(id, { tenant_id: 'north' }));
    expect(await directory.ofTenant('north')).toHaveLength(3);
    rows.set('a', live('a', { tenant_id: 'north', enabled: false }));
    rows.set('b', live('b', { tenant_id: 'south' }));
    rows.delete('c');
    // The other tenant is named, as it is when the subscription has moved there.
    for (const id of ['a', 'b', 'c']) await directory.invalidate(id, 'south');
    expect(await directory.ofTenant('north')).toEqual([]);
    expect((await directory.ofTenant('south')).map(({ subscription }) => subscription.id)).toEqual(['b']);
  });

  test('holds no more than its maximum, the least recently used goes first', async () => {
    const { directory, rows, state } = setUp({ max: 2 });
    for (const id of ['a', 'b', 'c']) rows.set(id, live(id));
    for (const id of ['a', 'b', 'a', 'c', 'a']) await directory.get(id);
    expect(state.loads).toBe(3);
    await directory.get('b');
    expect(state.loads).toBe(4);
  });

  test('counts look-ups by their result', async () => {
    const { directory, rows, metrics, clock } = setUp();
    rows.set('a', live('a'));
    await directory.get('a');
    await directory.get('a');
    clock.advance(TTL_MS);
    await directory.get('a');
    const { values } = await metrics.cacheLookups.get();
    expect(Object.fromEntries(values.map(({ labels, value }) => [labels.result, value]))).toEqual({
      hit: 1,
      miss: 1,
      stale: 1,
    });
  });

  test('close waits for reads under way and stops listening', async () => {
    const { directory, rows, hold, bus } = setUp();
    rows.set('a', live('a'));
    const letGo = hold();
    const read = directory.get('a');
    let closed = false;
    const closing = directory.close().then(() => (closed = true));
    await settled();
    expect(closed).toBe(false);
    letGo();
    await closing;
    expect(await read).toBe(rows.get('a'));
    await expect(bus.publish('a', 'default')).resolves.toBeUndefined();
  });
});
