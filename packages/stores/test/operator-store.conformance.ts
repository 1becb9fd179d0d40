import { randomUUID } from 'node:crypto';
import { OPERATOR_SUBSCRIPTION_ID, OPERATOR_TENANT, type SubscriptionNotice } from '@milena/domain';
import { createTestClock, type TestClock } from '@milena/runtime';
import type { OperatorStore } from '../src/operator-ports.ts';
import type { SubscriptionStores } from './subscription-store.conformance.ts';
import { subscriptionInput } from './support/subscription-input.ts';

const START = Date.UTC(2026, 0, 1);
const ENDPOINT = { target_url: 'https://ops.example.com/hooks', secret: 'a secret of the operator' };
const TAKE = { failing_for_ms: 60_000, healthy_for_ms: 30_000, limit: 100 };

type Stores = SubscriptionStores & { operator: OperatorStore };

/** What every OperatorStore must hold. */
export function describeOperatorStore(name: string, open: (clock: TestClock) => Promise<Stores>): void {
  describe(`OperatorStore over ${name}`, () => {
    let clock: TestClock;
    let stores: Stores;
    beforeEach(async () => {
      clock = createTestClock(START);
      stores = await open(clock);
      await stores.operator.keep(ENDPOINT);
    });
    afterEach(() => stores.operator.keep(null));

    const own = () => stores.live.load(OPERATOR_SUBSCRIPTION_ID);
    const subscribed = (changes = {}) =>
      stores.subscriptions.insert(subscriptionInput({ tenant_id: `t-${randomUUID()}`, ...changes }), null);
    const takeAll = async (work?: () => Promise<void>) => {
      let notices: readonly SubscriptionNotice[] = [];
      await stores.operator.take(TAKE, async (taken) => {
        notices = taken;
        await work?.();
      });
      return notices;
    };
    /** What is told of this subscription; other suites leave theirs behind in the same database. */
    const told = async (id: string, work?: () => Promise<void>) =>
      (await takeAll(work)).filter(({ subscription_id }) => subscription_id === id);

    describe('the operator’s subscription', () => {
      test('is made once, with its secret, for a tenant that nobody else is', async () => {
        expect(await stores.operator.keep(ENDPOINT)).toBe(false);
        expect(await own()).toMatchObject({
          subscription: {
            tenant_id: OPERATOR_TENANT,
            target_url: ENDPOINT.target_url,
            event_types: [],
            version: 1,
          },
          secrets: [{ value: ENDPOINT.secret, expires_at: null }],
        });
      });

      test('made by several processes at once is one', async () => {
        await stores.operator.keep(null);
        const made = await Promise.all([1, 2, 3, 4].map(() => stores.operator.keep(ENDPOINT)));
        expect(made.filter(Boolean)).toHaveLength(1);
        expect((await own())?.secrets).toHaveLength(1);
      });

      test('follows the settings; the secret before signs for one more day', async () => {
        const changed = { target_url: 'https://ops.example.com/new', secret: 'another secret' };
        expect(await stores.operator.keep(changed)).toBe(true);
        expect(await own()).toMatchObject({
          subscription: { target_url: changed.target_url, version: 2 },
          secrets: [
            { value: changed.secret, expires_at: null },
            { value: ENDPOINT.secret, expires_at: START + 86_400_000 },
          ],
        });
        expect(await stores.operator.keep(changed)).toBe(false);
      });

      test('that was disabled is enabled again', async () => {
        await stores.health.disable(OPERATOR_SUBSCRIPTION_ID, 'The endpoint answered 410 Gone.');
        expect(await stores.operator.keep(ENDPOINT)).toBe(true);
        expect((await own())?.subscription).toMatchObject({ enabled: true, disabled_reason: null });
      });

      test('is removed with what was still to be told, and only once', async () => {
        const { id } = await subscribed();
        await stores.health.disable(id, 'gone');
        expect(await stores.operator.keep(null)).toBe(true);
        expect(await stores.operator.keep(null)).toBe(false);
        expect(await own()).toBeNull();
        await stores.operator.keep(ENDPOINT);
        expect(await told(id)).toEqual([]);
      });
    });

    describe('the operator is told', () => {
      test('of a subscription that was disabled, once, with the reason', async () => {
        const { id, tenant_id } = await subscribed();
        await stores.health.setHealth(id, 'failing', START - 5000);
        expect(await stores.health.disable(id, 'Every attempt failed.')).toBe(true);
        expect(await stores.health.disable(id, 'again')).toBe(false);
        expect(await told(id)).toEqual([
          {
            type: 'subscription.disabled',
            id: expect.any(String),
            subscription_id: id,
            tenant_id,
            target_url: 'https://example.com/hooks',
            reason: 'Every attempt failed.',
            failing_since: START - 5000,
            disabled_at: START,
          },
        ]);
        expect(await told(id)).toEqual([]);
      });

      test('of one that has failed for a minute, or whose breaker is open; once for a spell', async () => {
        const slowly = await subscribed();
        const fast = await subscribed();
        await stores.health.setHealth(slowly.id, 'failing', START);
        await stores.health.setHealth(fast.id, 'open', START);
        expect(await told(slowly.id)).toEqual([]);
        clock.advance(59_999);
        expect(await told(slowly.id)).toEqual([]);
        clock.advance(1);
        const notice = {
          type: 'subscription.failing',
          subscription_id: slowly.id,
          tenant_id: slowly.tenant_id,
          target_url: 'https://example.com/hooks',
          health: 'failing',
          failing_since: START,
        };
        expect(await told(slowly.id)).toEqual([notice]);
        await stores.health.setHealth(slowly.id, 'open', START);
        expect(await told(slowly.id)).toEqual([]);
      });

      test('at once of one whose breaker is open', async () => {
        const { id } = await subscribed();
        await stores.health.setHealth(id, 'open', START - 500);
        expect(await told(id)).toMatchObject([{ health: 'open', failing_since: START - 500 }]);
      });

      test('that it recovered once it has been well for half a minute, and only if it was told before', async () => {
        const { id, tenant_id } = await subscribed();
        const quiet = await subscribed();
        await stores.health.setHealth(id, 'open', START - 500);
        await stores.health.setHealth(quiet.id, 'failing', START - 500);
        await told(id);
        await stores.health.setHealth(id, 'healthy', null);
        await stores.health.setHealth(quiet.id, 'healthy', null);
        clock.advance(29_999);
        expect(await told(id)).toEqual([]);
        clock.advance(1);
        const notices = await takeAll();
        expect(notices.filter(({ subscription_id }) => subscription_id === id)).toEqual([
          {
            type: 'subscription.recovered',
            subscription_id: id,
            tenant_id,
            target_url: 'https://example.com/hooks',
            failing_since: START - 500,
            recovered_at: START,
          },
        ]);
        expect(notices.filter(({ subscription_id }) => subscription_id === quiet.id)).toEqual([]);
        clock.advance(60_000);
        expect(await told(id)).toEqual([]);
      });

      test('once of an endpoint that flaps: failing again within half a minute, it has not recovered', async () => {
        const { id } = await subscribed();
        const all: string[] = [];
        for (let n = 0; n < 10; n += 1) {
          await stores.health.setHealth(id, 'open', clock.now());
          all.push(...(await told(id)).map(({ type }) => type));
          clock.advance(10_000);
          await stores.health.setHealth(id, 'healthy', null);
          clock.advance(10_000);
          all.push(...(await told(id)).map(({ type }) => type));
        }
        expect(all).toEqual(['subscription.failing']);
        clock.advance(30_000);
        expect(await told(id)).toMatchObject([{ type: 'subscription.recovered', failing_since: START }]);
      });

      test('that it is over when the target was changed, but not at the end of a pause', async () => {
        const moved = await subscribed();
        const resumed = await subscribed();
        for (const { id } of [moved, resumed]) {
          await stores.health.setHealth(id, 'open', START);
          await told(id);
        }
        const edit = (id: string, changes: object) =>
          stores.subscriptions.update(id, changes, { kind: 'keep' }, null);
        await edit(moved.id, { target_url: 'https://moved.example.com/hooks' });
        await edit(resumed.id, { paused: true });
        await edit(resumed.id, { paused: false });
        clock.advance(30_000);
        expect(await told(moved.id)).toMatchObject([
          { type: 'subscription.recovered', failing_since: START },
        ]);
        expect(await told(resumed.id)).toEqual([]);
        await stores.health.setHealth(resumed.id, 'healthy', null);
        clock.advance(30_000);
        expect(await told(resumed.id)).toMatchObject([{ type: 'subscription.recovered' }]);
      });

      test('again, with the same ids, of what could not be handed on', async () => {
        const { id } = await subscribed();
        const failing = await subscribed();
        await stores.health.disable(id, 'gone');
        await stores.health.setHealth(failing.id, 'open', START);
        const lost: SubscriptionNotice[] = [];
        const refused = stores.operator.take(TAKE, (taken) => {
          lost.push(...taken);
          return Promise.reject(new Error('no log'));
        });
        await expect(refused).rejects.toThrow('no log');
        const again = await takeAll();
        const mine = (all: readonly SubscriptionNotice[]) =>
          all.filter(({ subscription_id }) => [id, failing.id].includes(subscription_id));
        expect(mine(again)).toHaveLength(2);
        expect(mine(again)).toEqual(mine(lost));
      });

      test('by one of two who look at once; the other is not kept waiting', async () => {
        const { id } = await subscribed();
        const failing = await subscribed();
        await stores.health.disable(id, 'gone');
        await stores.health.setHealth(failing.id, 'open', START);
        let second: readonly SubscriptionNotice[] | null = null;
        const first = await told(id, async () => {
          second = [...(await told(id)), ...(await told(failing.id))];
        });
        expect([first.length, second]).toEqual([1, []]);
      });

      test('neither that a disabled one fails nor that it recovered', async () => {
        const { id } = await subscribed();
        await stores.health.setHealth(id, 'open', START);
        await told(id);
        await stores.subscriptions.update(id, { enabled: false }, { kind: 'keep' }, null);
        await stores.health.setHealth(id, 'healthy', null);
        clock.advance(60_000);
        expect(await told(id)).toEqual([]);
        await stores.health.setHealth(id, 'open', START);
        expect(await told(id)).toEqual([]);
      });

      test('nothing of its own subscription, whatever its endpoint does', async () => {
        await stores.health.setHealth(OPERATOR_SUBSCRIPTION_ID, 'open', START);
        clock.advance(120_000);
        expect(await told(OPERATOR_SUBSCRIPTION_ID)).toEqual([]);
        await stores.health.disable(OPERATOR_SUBSCRIPTION_ID, 'gone');
        expect(await told(OPERATOR_SUBSCRIPTION_ID)).toEqual([]);
      });

      test('nothing that happened while there was no operator, but of one that still fails', async () => {
        await stores.operator.keep(null);
        const disabled = await subscribed();
        const failing = await subscribed();
        await stores.health.disable(disabled.id, 'gone');
        await stores.health.setHealth(failing.id, 'open', START);
        await stores.operator.keep(ENDPOINT);
        const both = await takeAll();
        const about = both.map(({ subscription_id }) => subscription_id);
        expect(about).toContain(failing.id);
        expect(about).not.toContain(disabled.id);
      });
    });
  });
}
