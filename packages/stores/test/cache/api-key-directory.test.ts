import { hashOfApiKey } from '@milena/domain';
import { createTestClock } from '@milena/runtime';
import { createApiKeyDirectory } from '../../src/cache/index.ts';
import type { StoredApiKey } from '../../src/access-ports.ts';
import { StoreUnavailableError } from '../../src/ports.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));
const hashOf = (name: string) => hashOfApiKey(name);

function setUp(max?: number) {
  const clock = createTestClock();
  const rows = new Map<string, StoredApiKey>();
  const state = { away: false, asked: 0, any: false };
  const answer = <T>(value: T): Promise<T> => {
    state.asked += 1;
    return state.away ? Promise.reject(new StoreUnavailableError('away')) : Promise.resolve(value);
  };
  const store = {
    findByHash: (hash: Buffer) => answer(rows.get(hash.toString('hex')) ?? null),
    any: () => answer(state.any),
  };
  const add = (name: string): void => {
    rows.set(hashOf(name).toString('hex'), { id: name, hash: hashOf(name) } as StoredApiKey);
  };
  const remove = (name: string) => rows.delete(hashOf(name).toString('hex'));
  const directory = createApiKeyDirectory({ store, clock, ...(max !== undefined && { max }) });
  /** Asks all the time, as a busy client does. */
  const busyFor = async (name: string, ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      await directory.find(hashOf(name));
      await settled();
      clock.advance(100);
    }
  };
  return { clock, state, add, remove, directory, busyFor };
}

describe('ApiKeyDirectory', () => {
  test('a key in use costs the store a question every two seconds', async () => {
    const { add, state, directory, busyFor } = setUp();
    add('a');
    await busyFor('a', 60_000);
    expect(state.asked).toBeGreaterThanOrEqual(28);
    expect(state.asked).toBeLessThanOrEqual(31);
    expect(await directory.find(hashOf('a'))).toMatchObject({ id: 'a' });
  });

  test.each([0, 500, 1000, 1900])(
    'a key that is revoked elsewhere is gone within five seconds, %d ms into its time',
    async (into) => {
      const { add, remove, directory, busyFor } = setUp();
      add('a');
      await busyFor('a', 10_000 + into);
      remove('a');
      await busyFor('a', 4000);
      expect(await directory.find(hashOf('a'))).toBeNull();
    },
  );

  test('where it is revoked it is gone at once', async () => {
    const { add, remove, directory } = setUp();
    add('a');
    await directory.find(hashOf('a'));
    remove('a');
    directory.forget(hashOf('a'));
    expect(await directory.find(hashOf('a'))).toBeNull();
  });

  test('while the store is away a known key works for an hour, and an unknown one is an error, never an answer', async () => {
    const { add, state, clock, directory, busyFor } = setUp();
    add('a');
    await busyFor('a', 3000);
    state.away = true;
    await expect(directory.find(hashOf('b'))).rejects.toThrow(StoreUnavailableError);
    await expect(directory.any()).rejects.toThrow(StoreUnavailableError);
    clock.advance(3_590_000);
    expect(await directory.find(hashOf('a'))).toMatchObject({ id: 'a' });
    clock.advance(20_000);
    await expect(directory.find(hashOf('a'))).rejects.toThrow(StoreUnavailableError);
    state.away = false;
    clock.advance(2000);
    expect(await directory.find(hashOf('a'))).toMatchObject({ id: 'a' });
  });

  test('a wrong key that comes again and again is asked for once, and made-up ones drive out no real one', async () => {
    const { add, state, directory } = setUp(10);
    add('a');
    await directory.find(hashOf('a'));
    for (let i = 0; i < 100; i += 1) await directory.find(hashOf('lost'));
    expect(state.asked).toBe(2);
    for (let i = 0; i < 100; i += 1) await directory.find(hashOf(`made up ${i}`));
    state.asked = 0;
    await directory.find(hashOf('a'));
    expect(state.asked).toBe(0);
  });

  test('that there is a first key shows within five seconds, and at once where it is made', async () => {
    const { state, clock, directory } = setUp();
    expect(await directory.any()).toBe(false);
    state.any = true;
    directory.forget(hashOf('a'));
    expect(await directory.any()).toBe(true);
    state.any = false;
    clock.advance(4000);
    expect(await directory.any()).toBe(false);
    await directory.close();
  });
});
