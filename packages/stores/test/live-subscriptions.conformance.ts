import { randomUUID } from 'node:crypto';
import { createTestClock, type TestClock } from '@milena/runtime';
import { describeSpells } from './spells.conformance.ts';
import type { SubscriptionStores } from './subscription-store.conformance.ts';
import { subscriptionInput } from './support/subscription-input.ts';

const UNKNOWN_ID = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f';
const HOUR_MS = 3_600_000;

/**
 * What every LiveSubscriptionStore, SubscriptionHealthStore and CancellationStore must hold beside the SubscriptionStore.
 *
 * @param lateMs how late `load` may notice what passing time alone changes
 */
export function describeLiveSubscriptions(
  name: string,
  open: (clock: TestClock) => Promise<SubscriptionStores>,
  lateMs = 0,
): void {
  describe(`live subscriptions over ${name}`, () => {
    const clock = createTestClock();
    let stores: SubscriptionStores;
    const newTenant = () => `tenant-${randomUUID()}`;

    beforeAll(async () => {
      stores = await open(clock);
    });

    const created = (changes = {}, secret: string | null = null) =>
      stores.subscriptions.insert(subscriptionInput(changes), secret);
    const secretsOf = async (id: string) => (await stores.live.load(id))?.secrets;

    describe('secrets', () => {
      test('a secret is read back by load alone, in plain text', async () => {
        const stored = await created({}, 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=');
        expect(JSON.stringify(stored)).not.toContain('whsec_');
        expect(await secretsOf(stored.id)).toEqual([
          { value: 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=', expires_at: null },
        ]);
      });

      test('a rotation keeps the old secret until its end and puts the new one first', async () => {
        const { id } = await created({}, 'first secret');
        const end = clock.now() + HOUR_MS;
        clock.advance(1);
        await stores.subscriptions.update(
          id,
          {},
          { kind: 'rotate', secret: 'second', old_expires_at: end },
          null,
        );
        clock.advance(1000);
        await stores.subscriptions.update(
          id,
          {},
          { kind: 'rotate', secret: 'third', old_expires_at: end + 1 },
          null,
        );
        expect(await secretsOf(id)).toEqual([
          { value: 'third', expires_at: null },
          { value: 'second', expires_at: end + 1 },
          { value: 'first secret', expires_at: end },
        ]);
        clock.advance(HOUR_MS - 1001);
        expect((await secretsOf(id))?.map(({ value }) => value)).toEqual(['third', 'second']);
      });

      test('a rotation without an earlier secret just sets one', async () => {
        const { id } = await created();
        const change = { kind: 'rotate', secret: 'only', old_expires_at: clock.now() + 1 } as const;
        expect(await stores.subscriptions.update(id, {}, change, null)).toMatchObject({
          subscription: { has_secret: true, version: 2 },
        });
        expect(await secretsOf(id)).toEqual([{ value: 'only', expires_at: null }]);
      });

      test('replacing and removing end earlier secrets at once', async () => {
        const { id } = await created({}, 'first');
        const old_expires_at = clock.now() + HOUR_MS;
        await stores.subscriptions.update(id, {}, { kind: 'rotate', secret: 'second', old_expires_at }, null);
        await stores.subscriptions.update(id, {}, { kind: 'replace', secret: 'third' }, null);
        expect(await secretsOf(id)).toEqual([{ value: 'third', expires_at: null }]);
        const removed = await stores.subscriptions.update(id, {}, { kind: 'remove' }, null);
        expect(removed).toMatchObject({ subscription: { has_secret: false } });
        expect(await secretsOf(id)).toEqual([]);
      });
    });

    describe('LiveSubscriptionStore', () => {
      test('load gives the subscription as find does, and null for what is not there', async () => {
        const stored = await created({ headers: { 'x-a': 'b' } }, 'a secret');
        expect((await stores.live.load(stored.id))?.subscription).toEqual(stored);
        expect(await stores.live.load(UNKNOWN_ID)).toBeNull();
      });

      test("a tenant's ids are those of its enabled subscriptions, oldest first", async () => {
        const tenant_id = newTenant();
        const first = await created({ tenant_id });
        clock.advance(1);
        await created({ tenant_id, enabled: false });
        const third = await created({ tenant_id });
        await created({ tenant_id: newTenant() });
        expect(await stores.live.idsOfTenant(tenant_id)).toEqual([first.id, third.id]);
        expect(await stores.live.idsOfTenant('nobody')).toEqual([]);
      });
    });

    describe('SubscriptionHealthStore', () => {
      test('health shows without a new version', async () => {
        const { id } = await created();
        const since = clock.now() - 1234;
        await stores.health.setHealth(id, 'failing', since);
        await stores.health.setHealth(id, 'open', since);
        expect(await stores.subscriptions.find(id)).toMatchObject({
          health: 'open',
          failing_since: new Date(since).toISOString(),
          version: 1,
        });
        await stores.health.setHealth(id, 'healthy', null);
        expect(await stores.subscriptions.find(id)).toMatchObject({ health: 'healthy', failing_since: null });
      });

      test('health of a subscription that is gone is dropped silently', async () => {
        await expect(stores.health.setHealth(UNKNOWN_ID, 'failing', 1)).resolves.toBeUndefined();
      });

      test('disabling counts once, gives the reason and makes a new version', async () => {
        const { id } = await created();
        const results = await Promise.all([
          stores.health.disable(id, 'answered 410 Gone'),
          stores.health.disable(id, 'answered 410 Gone'),
        ]);
        expect(results.sort()).toEqual([false, true]);
        expect(await stores.health.disable(id, 'another reason')).toBe(false);
        expect(await stores.health.disable(UNKNOWN_ID, 'gone')).toBe(false);
        expect(await stores.subscriptions.find(id)).toMatchObject({
          enabled: false,
          health: 'disabled',
          disabled_reason: 'answered 410 Gone',
          version: 2,
        });
      });

      test('a re-enabled subscription starts without the past', async () => {
        const { id } = await created();
        await stores.health.setHealth(id, 'open', clock.now());
        await stores.health.disable(id, 'failed for five days');
        const result = await stores.subscriptions.update(id, { enabled: true }, { kind: 'keep' }, 2);
        expect(result).toMatchObject({
          subscription: { enabled: true, health: 'healthy', disabled_reason: null, failing_since: null },
        });
      });

      test('an edit of an enabled subscription leaves its health', async () => {
        const { id } = await created();
        await stores.health.setHealth(id, 'open', clock.now());
        await stores.subscriptions.update(
          id,
          { enabled: true, tenant_id: newTenant() },
          { kind: 'keep' },
          null,
        );
        expect(await stores.subscriptions.find(id)).toMatchObject({ health: 'open' });
      });
    });

    describeSpells(() => ({ clock, stores }));

    describe('CancellationStore', () => {
      test('cancelled deliveries ride along with their own subscription, once, for four days', async () => {
        const { id, tenant_id } = await created();
        const other = await created();
        const delivery = { delivery_id: UNKNOWN_ID, subscription_id: id, tenant_id };
        await stores.cancellations.cancel(delivery);
        await stores.cancellations.cancel(delivery);
        expect((await stores.live.load(id))?.cancelled).toEqual(new Set([UNKNOWN_ID]));
        expect((await stores.live.load(other.id))?.cancelled).toEqual(new Set());
        clock.advance(4 * 24 * HOUR_MS - 1);
        expect((await stores.live.load(id))?.cancelled.size).toBe(1);
        clock.advance(1 + lateMs);
        expect((await stores.live.load(id))?.cancelled.size).toBe(0);
      });
    });
  });
}
