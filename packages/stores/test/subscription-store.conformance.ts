import { randomUUID } from 'node:crypto';
import { subscriptionSchema } from '@milena/domain';
import { createTestClock, type TestClock } from '@milena/runtime';
import type {
  CancellationStore,
  LiveSubscriptionStore,
  SubscriptionHealthStore,
  SubscriptionStore,
} from '../src/ports.ts';
import { BadCursorError } from '../src/ports.ts';
import { subscriptionInput } from './support/subscription-input.ts';

export interface SubscriptionStores {
  subscriptions: SubscriptionStore;
  live: LiveSubscriptionStore;
  health: SubscriptionHealthStore;
  cancellations: CancellationStore;
}

const UNKNOWN_ID = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f';

/** What every SubscriptionStore must hold. */
export function describeSubscriptionStore(
  name: string,
  open: (clock: TestClock) => Promise<SubscriptionStores>,
): void {
  describe(`SubscriptionStore over ${name}`, () => {
    const clock = createTestClock();
    let stores: SubscriptionStores;
    const newTenant = () => `tenant-${randomUUID()}`;

    beforeAll(async () => {
      stores = await open(clock);
    });

    const created = (changes = {}, secret: string | null = null) =>
      stores.subscriptions.insert(subscriptionInput(changes), secret);

    test('reads back every field as it was written', async () => {
      const input = subscriptionInput({
        tenant_id: 'north',
        event_types: ['order.*', 'a.b'],
        description: 'Ünïcode "quoted" \\ text',
        headers: { 'x-shop': 'north', 'x-list': '[1,2]' },
        timeout_ms: 2500,
        max_in_flight: 3,
        rate_limit_per_s: 0.25,
        ingest_limit_per_s: 100_000,
        retry_delays: ['10s', '5m'],
        metadata: { owner: 'team a' },
      });
      const stored = await stores.subscriptions.insert(input, 'a secret of mine');
      expect(stored).toMatchObject(input);
      expect(stored).toMatchObject({
        has_secret: true,
        health: 'healthy',
        disabled_reason: null,
        failing_since: null,
        version: 1,
        created_at: new Date(clock.now()).toISOString(),
        updated_at: new Date(clock.now()).toISOString(),
      });
      expect(subscriptionSchema.parse(stored)).toEqual(stored);
      expect(await stores.subscriptions.find(stored.id)).toEqual(stored);
    });

    test('tells no retries from the default retries', async () => {
      expect((await created({ retry_delays: [] })).retry_delays).toEqual([]);
      expect((await created({ retry_delays: null })).retry_delays).toBeNull();
    });

    test('finds nothing for an id that was never given', async () => {
      expect(await stores.subscriptions.find(UNKNOWN_ID)).toBeNull();
    });

    test('an update changes what is given, nothing else, and the version grows by one', async () => {
      const before = await created({ description: 'old', metadata: { a: '1' } });
      clock.advance(5);
      const result = await stores.subscriptions.update(
        before.id,
        { description: null, rate_limit_per_s: 2 },
        { kind: 'keep' },
        before.version,
      );
      const after = {
        ...before,
        description: null,
        rate_limit_per_s: 2,
        version: 2,
        updated_at: new Date(clock.now()).toISOString(),
      };
      expect(result).toEqual({ kind: 'updated', subscription: after });
      expect(await stores.subscriptions.find(before.id)).toEqual(after);
    });

    test('an update of an older version is stale and changes nothing', async () => {
      const { id } = await created();
      await stores.subscriptions.update(id, { description: 'first' }, { kind: 'keep' }, 1);
      const late = await stores.subscriptions.update(
        id,
        { description: 'late' },
        { kind: 'replace', secret: 'x'.repeat(24) },
        1,
      );
      expect(late).toMatchObject({ kind: 'stale', subscription: { version: 2, description: 'first' } });
      expect(await stores.subscriptions.find(id)).toMatchObject({
        description: 'first',
        has_secret: false,
      });
    });

    test('of concurrent updates of one version exactly one succeeds', async () => {
      const { id } = await created();
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          stores.subscriptions.update(id, { description: `edit ${String(n)}` }, { kind: 'keep' }, 1),
        ),
      );
      expect(results.filter(({ kind }) => kind === 'updated')).toHaveLength(1);
      expect(await stores.subscriptions.find(id)).toMatchObject({ version: 2 });
    });

    test('updating or removing what is not there is missing', async () => {
      const nothing = { kind: 'missing' };
      expect(await stores.subscriptions.update(UNKNOWN_ID, {}, { kind: 'keep' }, null)).toEqual(nothing);
      expect(await stores.subscriptions.remove(UNKNOWN_ID, null)).toEqual(nothing);
    });

    test('a removed subscription is gone with its secrets, unless the version asked for is old', async () => {
      const { id } = await created({}, 'a secret of mine');
      expect(await stores.subscriptions.remove(id, 7)).toMatchObject({ kind: 'stale' });
      expect(await stores.subscriptions.remove(id, 1)).toMatchObject({
        kind: 'updated',
        subscription: { id },
      });
      expect(await stores.subscriptions.find(id)).toBeNull();
      expect(await stores.live.load(id)).toBeNull();
    });

    test('pages run newest first, without gaps or repeats, also when many were made in one millisecond', async () => {
      const tenant_id = newTenant();
      const ids: string[] = [];
      for (let n = 0; n < 7; n += 1) {
        if (n % 3 === 0) clock.advance(1);
        ids.push((await created({ tenant_id })).id);
      }
      await created({ tenant_id: newTenant() });
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await stores.subscriptions.list({ tenant_id }, { limit: 2, cursor });
        expect(page.data.length).toBeLessThanOrEqual(2);
        seen.push(...page.data.map(({ id }) => id));
        cursor = page.next_cursor;
      } while (cursor !== null);
      expect(new Set(seen)).toEqual(new Set(ids));
      expect(seen).toHaveLength(7);
      const times = await Promise.all(
        seen.map(async (id) => (await stores.subscriptions.find(id))!.created_at),
      );
      expect(times).toEqual([...times].sort().reverse());
    });

    test('the last full page has no cursor', async () => {
      const tenant_id = newTenant();
      await created({ tenant_id });
      await created({ tenant_id });
      const page = await stores.subscriptions.list({ tenant_id }, { limit: 2, cursor: null });
      expect(page.data).toHaveLength(2);
      expect(page.next_cursor).toBeNull();
    });

    test.each(['', 'garbage', '💥', Buffer.from('1/2').toString('base64url'), 'A'.repeat(500)])(
      'a cursor it never gave out is refused: %p',
      async (cursor) => {
        await expect(stores.subscriptions.list({}, { limit: 2, cursor })).rejects.toThrow(BadCursorError);
      },
    );
  });
}
