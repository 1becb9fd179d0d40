import { newId } from '@milena/domain';
import { createTestClock, type Clock, type TestClock } from '@milena/runtime';
import { BadCursorError, type DeadLetter, type DeadLetterStore } from '../src/ports.ts';
import type { Replay, ReplayLeases, ReplayState, ReplayStore } from '../src/replay-ports.ts';

const START = Date.UTC(2026, 0, 1);
const LEASE_MS = 10_000;

interface Stores {
  replays: ReplayStore;
  leases: ReplayLeases;
  deadLetters: DeadLetterStore;
}

/** What every ReplayStore with its ReplayLeases must hold. */
export function describeReplayStores(name: string, open: (clock: Clock) => Promise<Stores>): void {
  describe(`ReplayStore and ReplayLeases over ${name}`, () => {
    let clock: TestClock;
    let stores: Stores;
    beforeEach(async () => {
      clock = createTestClock(START);
      stores = await open(clock);
    });
    // Only what a test made itself runs in the next one.
    afterEach(async () => {
      const { data } = await stores.replays.list({ state: 'running' }, { limit: 100, cursor: null });
      for (const { id } of data) await stores.replays.move(id, ['running'], 'cancelled');
    });

    const me = newId(START);
    const other = newId(START);
    const plan = (changes: Partial<Replay> = {}) =>
      stores.replays.insert({
        id: newId(clock.now()),
        tenant_id: 'default',
        filter: {
          source: 'dead_letters',
          subscription_id: newId(START),
          tenant_id: 'default',
          event_type: 'order.created',
          since: START - 5,
          until: START,
          ids: [newId(START)],
          statuses: ['open'],
        },
        target_url: 'https://example.com/other',
        rate_per_s: 12.5,
        state: 'running',
        total: 42,
        ...changes,
      });
    const position = (at: number) => ({ at, id: newId(at) });

    test('a job comes back as it was planned', async () => {
      const planned = await plan({ state: 'planned', tenant_id: null, target_url: null });
      expect(planned).toMatchObject({
        ...{ tenant_id: null, target_url: null, rate_per_s: 12.5, state: 'planned' },
        ...{ total: 42, done: 0, failed: 0, observed_rate: null, error: null },
        ...{ created_at: START, started_at: null, finished_at: null },
      });
      expect(planned.filter).toMatchObject({ source: 'dead_letters', since: START - 5, statuses: ['open'] });
      expect(await stores.replays.find(planned.id)).toEqual(planned);
      expect(await stores.replays.find(newId(START))).toBeNull();
    });

    test('lists newest first, page by page, by tenant and state', async () => {
      const tenant_id = newId(START);
      const jobs: Replay[] = [];
      for (let n = 0; n < 5; n += 1) {
        jobs.push(await plan({ tenant_id, state: 'planned' }));
        clock.advance(n % 2);
      }
      await plan({ tenant_id: 'someone-else', state: 'planned' });
      await plan({ tenant_id });
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await stores.replays.list({ tenant_id, state: 'planned' }, { limit: 2, cursor });
        seen.push(...page.data.map(({ id }) => id));
        cursor = page.next_cursor;
      } while (cursor !== null);
      const newest = [...jobs].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1));
      expect(seen).toEqual(newest.map(({ id }) => id));
      await expect(stores.replays.list({}, { limit: 1, cursor: 'x' })).rejects.toThrow(BadCursorError);
    });

    test('of two who move a job, one does, and the times say when', async () => {
      const { id } = await plan({ state: 'planned' });
      clock.advance(10);
      const start = () => stores.replays.move(id, ['planned'], 'running');
      const results = await Promise.all([start(), start()]);
      expect(results.filter((moved) => moved !== null)).toMatchObject([
        { state: 'running', started_at: START + 10, finished_at: null },
      ]);
      clock.advance(10);
      const ended = await stores.replays.move(id, ['running', 'paused'], 'cancelled');
      expect(ended).toMatchObject({ started_at: START + 10, finished_at: START + 20 });
      expect(await stores.replays.move(newId(START), ['running'], 'paused')).toBeNull();
    });

    test('a running job is with one owner at a time, until the lease is over or given back', async () => {
      const first = await plan();
      clock.advance(1);
      const second = await plan();
      await plan({ state: 'planned' });
      await plan({ state: 'paused' });
      expect((await stores.leases.claim(me, LEASE_MS))?.id).toBe(first.id);
      expect((await stores.leases.claim(other, LEASE_MS))?.id).toBe(second.id);
      expect(await stores.leases.claim(other, LEASE_MS)).toBeNull();

      clock.advance(LEASE_MS - 1);
      expect(await stores.leases.renew(first.id, me, LEASE_MS)).toBe(true);
      expect(await stores.leases.renew(first.id, other, LEASE_MS)).toBe(false);
      clock.advance(2);
      expect((await stores.leases.claim(me, LEASE_MS))?.id).toBe(second.id);
      expect(await stores.leases.claim(other, LEASE_MS)).toBeNull();
      expect(await stores.leases.release(first.id, me, null)).toBe(true);
      expect((await stores.leases.claim(other, LEASE_MS))?.id).toBe(first.id);
    });

    test('whoever lost the lease changes nothing any more', async () => {
      const { id } = await plan();
      await stores.leases.claim(me, LEASE_MS);
      clock.advance(LEASE_MS + 1);
      await stores.leases.claim(other, LEASE_MS);
      const batch = { end: position(START), at: START };
      const progress = { cursor: batch.end, done: 1, failed: 0, observed_rate: null, dead_letters: [] };
      expect(await stores.leases.begin(id, me, batch)).toBe(false);
      expect(await stores.leases.commit(id, me, progress)).toBe(false);
      expect(await stores.leases.release(id, me, { state: 'done', error: null })).toBe(false);
      expect(await stores.replays.find(id)).toMatchObject({ state: 'running', done: 0 });
    });

    test('a batch that was begun is found by the next owner, one that is done is not', async () => {
      const { id } = await plan();
      const fresh = await stores.leases.claim(me, LEASE_MS);
      expect(fresh).toMatchObject({ id, cursor: null, batch: null });
      const batch = { end: position(START + 3), at: START + 99 };
      expect(await stores.leases.begin(id, me, batch)).toBe(true);
      clock.advance(LEASE_MS + 1);
      expect(await stores.leases.claim(other, LEASE_MS)).toMatchObject({ cursor: null, batch });
      const progress = { done: 7, failed: 2, observed_rate: 3.5, dead_letters: [] };
      expect(await stores.leases.commit(id, other, { ...progress, cursor: batch.end })).toBe(true);
      await stores.leases.release(id, other, null);
      const next = await stores.leases.claim(me, LEASE_MS);
      expect(next).toMatchObject({ cursor: batch.end, batch: null, done: 7, failed: 2, observed_rate: 3.5 });
    });

    test.each<ReplayState>(['paused', 'cancelled'])(
      'one that is %s begins nothing more, but what was begun still counts',
      async (state) => {
        const { id } = await plan();
        await stores.leases.claim(me, LEASE_MS);
        const batch = { end: position(START), at: START };
        await stores.leases.begin(id, me, batch);
        await stores.replays.move(id, ['running'], state);
        expect(await stores.leases.begin(id, me, batch)).toBe(false);
        expect(await stores.leases.renew(id, me, LEASE_MS)).toBe(false);
        const progress = { cursor: batch.end, done: 5, failed: 0, observed_rate: null, dead_letters: [] };
        expect(await stores.leases.commit(id, me, progress)).toBe(true);
        expect(await stores.leases.release(id, me, { state: 'done', error: 'no' })).toBe(true);
        expect(await stores.replays.find(id)).toMatchObject({ state, done: 5, error: null });
      },
    );

    test('an ending says when and why', async () => {
      const { id } = await plan();
      await stores.leases.claim(me, LEASE_MS);
      clock.advance(5);
      await stores.leases.release(id, me, { state: 'failed', error: 'a mistake' });
      const failed = { state: 'failed', error: 'a mistake', finished_at: START + 5 };
      expect(await stores.replays.find(id)).toMatchObject(failed);
      expect(await stores.leases.claim(me, LEASE_MS)).toBeNull();
      const again = await stores.replays.move(id, ['failed'], 'running');
      expect(again).toMatchObject({ state: 'running', error: null, finished_at: null });
      expect((await stores.leases.claim(me, LEASE_MS))?.id).toBe(id);
    });

    test('forgets what ended or was planned long ago, and nothing that somebody still means', async () => {
      const planned = await plan({ state: 'planned' });
      const paused = await plan();
      const cancelled = await plan();
      const failed = await plan();
      await stores.replays.move(paused.id, ['running'], 'paused');
      await stores.replays.move(cancelled.id, ['running'], 'cancelled');
      expect((await stores.leases.claim(me, LEASE_MS))?.id).toBe(failed.id);
      clock.advance(1000);
      await stores.leases.release(failed.id, me, { state: 'failed', error: 'a mistake' });
      const running = await plan();
      const kept = async () => {
        const all = [planned, paused, cancelled, failed, running];
        const found = await Promise.all(all.map(({ id }) => stores.replays.find(id)));
        return found.flatMap((one) => (one === null ? [] : [one.state]));
      };
      await stores.replays.prune(START);
      expect(await kept()).toEqual(['planned', 'paused', 'cancelled', 'failed', 'running']);
      expect(await stores.replays.prune(START + 1)).toBeGreaterThanOrEqual(2);
      expect(await kept()).toEqual(['paused', 'failed', 'running']);
      expect(await stores.replays.prune(START + 1001)).toBeGreaterThanOrEqual(1);
      expect(await kept()).toEqual(['paused', 'running']);
    });

    test('a thousand of them and more go at once', async () => {
      for (let n = 0; n < 11; n += 1)
        await Promise.all(Array.from({ length: 91 }, () => plan({ state: 'planned' })));
      expect(await stores.replays.prune(START + 1)).toBeGreaterThanOrEqual(1001);
      expect(await stores.replays.prune(START + 1)).toBe(0);
    });

    test('the dead letters of a batch are replayed with it, and others left alone', async () => {
      const letters = [letter(), letter({ status: 'discarded' }), letter()];
      await stores.deadLetters.insert(letters);
      const { id } = await plan();
      await stores.leases.claim(me, LEASE_MS);
      await stores.leases.commit(id, me, {
        ...{ cursor: position(START), done: 2, failed: 0, observed_rate: null },
        dead_letters: letters.slice(0, 2).map(({ delivery_id }) => delivery_id),
      });
      const found = await Promise.all(letters.map(({ delivery_id }) => stores.deadLetters.find(delivery_id)));
      expect(found.map((one) => one?.status)).toEqual(['replayed', 'replayed', 'open']);
    });
  });
}

function letter(changes: Partial<DeadLetter> = {}): DeadLetter {
  return {
    delivery_id: newId(START),
    event_id: newId(START),
    tenant_id: 'default',
    subscription_id: newId(START),
    event_type: null,
    content_type: 'application/json',
    payload: Buffer.from('{}'),
    accepted_at: START,
    replay_of: null,
    target_url: null,
    traceparent: null,
    status: 'open',
    reason: 'answered 500 six times',
    attempts: 6,
    dead_lettered_at: START,
    ...changes,
  };
}
