import { createTestClock, type TestClock } from '@milena/runtime';
import type { ClaimResult, IdempotencyClaim, IdempotencyStore } from '../src/ports.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOON = Date.UTC(2026, 2, 10, 12);

/** What every IdempotencyStore must hold. `open` is called several times: each result is another process's view of one store. */
export function describeIdempotencyStore(
  name: string,
  open: (clock: TestClock) => Promise<IdempotencyStore>,
): void {
  describe(`IdempotencyStore over ${name}`, () => {
    let keys = 0;
    const newClaim = (changes: Partial<IdempotencyClaim> = {}): IdempotencyClaim => ({
      scope: 'sub-1',
      key: `key-${String((keys += 1))}`,
      request_hash: 'hash-a',
      ...changes,
    });
    /** Every test plays on days of its own, because the store is one for all. */
    let day = NOON;
    const setUp = async (startMs = (day += 20 * DAY_MS)) => {
      const clock = createTestClock(startMs);
      return { clock, store: await open(clock) };
    };
    const claimOne = async (store: IdempotencyStore, claim: IdempotencyClaim) => {
      const [result] = await store.claim<unknown>([claim]);
      return result!;
    };
    const seedOf = (result: ClaimResult<unknown>) => {
      if (result.kind !== 'mine') throw new Error(`expected mine, not ${result.kind}`);
      return result.seed_id;
    };

    test('of fifty concurrent claims of one key one is mine and all others are busy', async () => {
      const { store } = await setUp();
      const claim = newClaim();
      const results = await Promise.all(Array.from({ length: 50 }, () => claimOne(store, claim)));
      expect(results.filter(({ kind }) => kind === 'mine')).toHaveLength(1);
      expect(results.filter(({ kind }) => kind === 'busy')).toHaveLength(49);
    });

    test('a completed key is replayed with its answer, and refused with another body', async () => {
      const { store } = await setUp();
      const claim = newClaim();
      await claimOne(store, claim);
      const answer = { status: 202, body: { event_id: 'e', delivery_id: null, list: [1, 'ü'] } };
      await store.complete([{ ...claim, answer }]);
      expect(await claimOne(store, claim)).toEqual({ kind: 'replayed', answer });
      expect(await claimOne(store, { ...claim, request_hash: 'hash-b' })).toEqual({ kind: 'conflict' });
    });

    test('another body is refused while the first is still under way', async () => {
      const { store } = await setUp();
      const claim = newClaim();
      await claimOne(store, claim);
      expect(await claimOne(store, { ...claim, request_hash: 'hash-b' })).toEqual({ kind: 'conflict' });
    });

    test('one key in two scopes is two keys', async () => {
      const { store } = await setUp();
      const claim = newClaim();
      expect((await claimOne(store, claim)).kind).toBe('mine');
      expect((await claimOne(store, { ...claim, scope: 'sub-2' })).kind).toBe('mine');
    });

    test('a thousand claims in one call are answered in order, each on its own', async () => {
      const { store } = await setUp();
      const done = newClaim();
      const held = newClaim();
      await store.claim([done, held]);
      await store.complete([{ ...done, answer: 'done' }]);
      const fresh = Array.from({ length: 996 }, () => newClaim());
      const results = await store.claim([
        done,
        held,
        ...fresh,
        { ...done, request_hash: 'hash-b' },
        { ...fresh[0]! },
      ]);
      expect(results).toHaveLength(1000);
      expect(results[0]).toEqual({ kind: 'replayed', answer: 'done' });
      expect(results[1]).toEqual({ kind: 'busy' });
      expect(results.slice(2, 998).every(({ kind }) => kind === 'mine')).toBe(true);
      expect(new Set(results.slice(2, 998).map(seedOf)).size).toBe(996);
      expect(results[998]).toEqual({ kind: 'conflict' });
      expect(results[999]).toEqual({ kind: 'busy' });
    });

    test('a key twice in one call is mine once, and a conflict where the bodies differ', async () => {
      const { store } = await setUp();
      const claim = newClaim();
      const results = await store.claim([claim, claim, { ...claim, request_hash: 'hash-b' }]);
      expect(results.map(({ kind }) => kind)).toEqual(['mine', 'busy', 'conflict']);
    });

    test('no claims, no answers', async () => {
      const { store } = await setUp();
      expect(await store.claim([])).toEqual([]);
      await expect(store.complete([])).resolves.toBeUndefined();
      await expect(store.release([])).resolves.toBeUndefined();
    });

    test('batches that hold the same keys in opposite order share them out without a deadlock', async () => {
      const { store } = await setUp();
      // Several rounds, because a deadlock takes two batches that meet in the middle.
      for (let round = 0; round < 3; round += 1) {
        const claims = Array.from({ length: 1000 }, () => newClaim());
        const batches = await Promise.all(
          Array.from({ length: 8 }, (_, n) => store.claim(n % 2 === 0 ? claims : [...claims].reverse())),
        );
        expect(batches.flat().filter(({ kind }) => kind === 'mine')).toHaveLength(1000);
      }
    });

    test("a dead holder's key goes to one other after ten seconds, with the same seed", async () => {
      const { store, clock } = await setUp();
      const claim = newClaim();
      const seed = seedOf(await claimOne(store, claim));
      clock.advance(9999);
      expect(await claimOne(store, claim)).toEqual({ kind: 'busy' });
      clock.advance(1);
      const results = await Promise.all(Array.from({ length: 10 }, () => claimOne(store, claim)));
      expect(results.filter(({ kind }) => kind === 'mine')).toEqual([
        { kind: 'mine', seed_id: seed, again: true },
      ]);
      clock.advance(9999);
      expect(await claimOne(store, claim)).toEqual({ kind: 'busy' });
    });

    test("a dead holder's key is not given to another body", async () => {
      const { store, clock } = await setUp();
      const claim = newClaim();
      await claimOne(store, claim);
      clock.advance(60_000);
      expect(await claimOne(store, { ...claim, request_hash: 'hash-b' })).toEqual({ kind: 'conflict' });
    });

    test('a released key is free at once: the same request keeps its seed, another gets its own', async () => {
      const { store } = await setUp();
      const claim = newClaim();
      const first = await claimOne(store, claim);
      expect(first).toMatchObject({ again: false });
      const seed = seedOf(first);
      await store.release([claim]);
      expect(await claimOne(store, claim)).toEqual({ kind: 'mine', seed_id: seed, again: true });
      await store.release([claim]);
      const other = await claimOne(store, { ...claim, request_hash: 'hash-b' });
      expect(other).toMatchObject({ again: false });
      expect(seedOf(other)).not.toBe(seed);
      expect(await claimOne(store, claim)).toEqual({ kind: 'conflict' });
    });

    test('a release after the answer changes nothing, nor does a second answer', async () => {
      const { store } = await setUp();
      const claim = newClaim();
      await claimOne(store, claim);
      await store.complete([{ ...claim, answer: 'first' }]);
      await store.complete([{ ...claim, answer: 'second' }]);
      await store.release([claim]);
      expect(await claimOne(store, claim)).toEqual({ kind: 'replayed', answer: 'first' });
    });

    test('a key is remembered for 24 hours over midnight, and no longer', async () => {
      const { store, clock } = await setUp();
      const claim = newClaim();
      const seed = seedOf(await claimOne(store, claim));
      await store.complete([{ ...claim, answer: 1 }]);
      clock.advance(DAY_MS - 1);
      await store.maintain();
      expect(await claimOne(store, claim)).toEqual({ kind: 'replayed', answer: 1 });
      clock.advance(1);
      expect(seedOf(await claimOne(store, claim))).not.toBe(seed);
    });

    test('a holder from before midnight completes, releases and is taken over after it', async () => {
      const midnight = (day += 20 * DAY_MS) + 12 * HOUR_MS;
      const { store, clock } = await setUp(midnight - 5000);
      const [completed, released, abandoned] = [newClaim(), newClaim(), newClaim()];
      await store.claim([completed, released, abandoned]);
      clock.advance(6000);
      await store.complete([{ ...completed, answer: 'late' }]);
      await store.release([released]);
      expect((await store.claim([completed, released, abandoned])).map(({ kind }) => kind)).toEqual([
        'replayed',
        'mine',
        'busy',
      ]);
      clock.advance(10_000);
      expect((await claimOne(store, abandoned)).kind).toBe('mine');
    });

    test('concurrent claims on both sides of midnight are still one', async () => {
      const midnight = (day += 20 * DAY_MS) + 12 * HOUR_MS;
      const before = await setUp(midnight - 1);
      const after = await setUp(midnight);
      for (let round = 0; round < 5; round += 1) {
        const claim = newClaim();
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, n) => claimOne(n % 2 === 0 ? before.store : after.store, claim)),
        );
        expect(results.filter(({ kind }) => kind === 'mine')).toHaveLength(1);
        expect(results.filter(({ kind }) => kind === 'busy')).toHaveLength(19);
      }
    });

    test('goes on when maintenance has not run for a month', async () => {
      const { store, clock } = await setUp();
      await store.maintain();
      clock.advance(30 * DAY_MS);
      const results = await Promise.all(Array.from({ length: 5 }, () => claimOne(store, newClaim())));
      expect(results.map(({ kind }) => kind)).toEqual(Array(5).fill('mine'));
    });
  });
}
