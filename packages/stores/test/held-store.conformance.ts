import { newId, type Delivery } from '@milena/domain';
import { createTestClock, type Clock, type TestClock } from '@milena/runtime';
import type { HeldDelivery, HeldStore, ReleaseStore } from '../src/held-ports.ts';
import type { DeliveryReader } from '../src/delivery-ports.ts';
import type { SubscriptionStore } from '../src/ports.ts';
import { idOrder } from '../src/cursor.ts';
import { allPages } from './support/all-pages.ts';
import { subscriptionInput } from './support/subscription-input.ts';

const START = Date.UTC(2026, 0, 1);

interface Stores {
  held: HeldStore;
  deliveries: DeliveryReader;
  releases: ReleaseStore;
  subscriptions: SubscriptionStore;
}

/** What every HeldStore with its ReleaseStore must hold. */
export function describeHeldStores(name: string, open: (clock: Clock) => Promise<Stores>): void {
  describe(`HeldStore and ReleaseStore over ${name}`, () => {
    let clock: TestClock;
    let stores: Stores;
    beforeEach(async () => {
      clock = createTestClock(START);
      stores = await open(clock);
    });

    const one = (changes: Partial<Delivery> = {}): HeldDelivery => ({
      held_at: START + 10,
      delivery: {
        delivery_id: newId(START),
        event_id: newId(START),
        tenant_id: 'default',
        subscription_id: newId(START),
        event_type: null,
        content_type: 'application/json',
        accepted_at: START,
        attempt: 1,
        due_at: null,
        deferrals: 0,
        may_repeat: true,
        replay_of: null,
        resumed_at: null,
        target_url: null,
        traceparent: null,
        payload: Buffer.from('{"a":1}'),
        ...changes,
      },
    });
    const several = (subscription_id: string, count: number) =>
      Array.from({ length: count }, (_, n) =>
        one({ subscription_id, accepted_at: START + Math.floor(n / 3) }),
      );
    const certain = ({ delivery, held_at }: HeldDelivery): HeldDelivery => ({
      held_at,
      delivery: { ...delivery, may_repeat: false },
    });
    const idsOf = (held: readonly HeldDelivery[]) => held.map(({ delivery }) => delivery.delivery_id);
    const takeAll = (subscription_id: string, over: { limit?: number; rate_per_s?: number | null } = {}) => {
      const taken: HeldDelivery[] = [];
      const take = { subscription_id, limit: 1000, max_bytes: 1e9, rate_per_s: null, ...over };
      const work = (held: readonly HeldDelivery[]) => {
        taken.push(...held);
        return Promise.resolve();
      };
      return stores.releases.take(take, work).then(() => taken);
    };
    const countOf = async (id: string) => (await stores.held.summaries([id])).get(id)?.count ?? 0;

    test('keeps every field, and the payload byte for byte', async () => {
      const full = one({
        event_type: 'order.created',
        attempt: 4,
        replay_of: newId(START),
        resumed_at: START + 5,
        target_url: 'https://example.com/other',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        payload: Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256)),
      });
      const plain = one({ payload: Buffer.alloc(0) });
      await stores.held.insert([full, plain]);
      expect(await takeAll(full.delivery.subscription_id)).toEqual([full]);
      expect(await takeAll(plain.delivery.subscription_id)).toEqual([plain]);
      await expect(stores.held.insert([])).resolves.toBeUndefined();
    });

    test('counts what a subscription holds, and knows the oldest', async () => {
      const id = newId(START);
      await stores.held.insert([...several(id, 7), one({ subscription_id: id, accepted_at: START - 5 })]);
      expect(await stores.held.summaries([id, newId(START)])).toEqual(
        new Map([[id, { count: 8, oldest_at: START - 5 }]]),
      );
      expect((await stores.releases.totals()).count).toBeGreaterThanOrEqual(8);
      expect(await stores.held.summaries([])).toEqual(new Map());
    });

    test('shows what is held as deliveries, until it is released or ended', async () => {
      const elsewhere = { replay_of: newId(START), target_url: 'https://example.com/other' };
      const row = one({ event_type: 'order.created', attempt: 3, ...elsewhere });
      const { delivery } = row;
      const { delivery_id, event_id, tenant_id, subscription_id, event_type, content_type, replay_of } =
        delivery;
      const event = {
        ...{ delivery_id, event_id, tenant_id, subscription_id },
        ...{ event_type, content_type, replay_of, target_url: delivery.target_url },
      };
      const view = {
        ...{ ...event, accepted_at: START, payload_bytes: 7, status: 'held', attempts_made: 2 },
        ...{ last_attempt_at: null, next_attempt_at: null, reason: 'the subscription is paused' },
      };
      const { payload, target_url, traceparent } = delivery;
      await stores.held.insert([row, one()]);
      expect(await stores.deliveries.find(delivery_id)).toEqual(view);
      expect(await stores.deliveries.event(delivery_id)).toEqual({
        ...{ ...event, accepted_at: START, payload, target_url, traceparent },
      });
      const list = () => stores.deliveries.list({ subscription_id }, { limit: 10, cursor: null });
      expect(await list()).toEqual({ data: [view], next_cursor: null });
      const ofEvent = async (filter: object) =>
        (await stores.deliveries.ofEvent({ event_id, ...filter }, { limit: 10, cursor: null })).data;
      expect(await ofEvent({})).toEqual([view]);
      expect(await ofEvent({ tenant_id, status: 'held', until: START + 1 })).toEqual([view]);
      expect(await ofEvent({ tenant_id: 'another' })).toEqual([]);
      expect(await ofEvent({ status: 'queued' })).toEqual([]);
      expect(await ofEvent({ until: START })).toEqual([]);
      await takeAll(subscription_id);
      expect(await ofEvent({})).toEqual([]);
      expect(await list()).toEqual({ data: [], next_cursor: null });
      expect(await stores.deliveries.find(delivery_id)).toBeNull();
      expect(await stores.deliveries.event(delivery_id)).toBeNull();
    });

    test('lists what is held by page, newest first, type and time of acceptance', async () => {
      const id = newId(START);
      const held = several(id, 10).map(({ delivery, ...row }, n) => ({
        ...row,
        delivery: { ...delivery, event_type: n % 2 === 0 ? 'even' : null },
      }));
      await stores.held.insert(held);
      const listed = async (filter: object) =>
        (await allPages((page) => stores.deliveries.list({ subscription_id: id, ...filter }, page), 3)).map(
          (row) => row.delivery_id,
        );
      const where = (wanted: (row: Delivery, n: number) => boolean) =>
        held
          .filter(({ delivery }, n) => wanted(delivery, n))
          .sort(({ delivery: a }, { delivery: b }) =>
            a.accepted_at === b.accepted_at
              ? idOrder(b.delivery_id).localeCompare(idOrder(a.delivery_id))
              : b.accepted_at - a.accepted_at,
          )
          .map(({ delivery }) => delivery.delivery_id);
      expect(await listed({})).toEqual(where(() => true));
      expect(await listed({ status: 'held', event_type: 'even' })).toEqual(where((_, n) => n % 2 === 0));
      expect(await listed({ since: START + 1, until: START + 3 })).toEqual(
        where(({ accepted_at }) => accepted_at >= START + 1 && accepted_at < START + 3),
      );
      expect(await listed({ status: 'queued' })).toEqual([]);
    });

    test('gives out what was accepted first, and within a millisecond what came first', async () => {
      const id = newId(START);
      const held = several(id, 30);
      await stores.held.insert(held.slice(15));
      await stores.held.insert(held.slice(0, 15));
      const inOrder = [...idsOf(held)];
      const taken: string[] = [];
      for (let n = 0; n < 3; n += 1) taken.push(...idsOf(await takeAll(id, { limit: 10 })));
      expect(taken).toEqual(inOrder);
      expect(await takeAll(id)).toEqual([]);
    });

    test('a take is bounded by bytes, and a single larger delivery still goes', async () => {
      const id = newId(START);
      const payload = Buffer.alloc(1000, '1');
      const held = several(id, 4).map((row) => ({ ...row, delivery: { ...row.delivery, payload } }));
      await stores.held.insert(held);
      const take = { subscription_id: id, limit: 10, rate_per_s: null };
      expect(await stores.releases.take({ ...take, max_bytes: 1500 }, () => Promise.resolve())).toBe(2);
      expect(await stores.releases.take({ ...take, max_bytes: 1 }, () => Promise.resolve())).toBe(1);
    });

    test('what could not be handed on stays held, and comes again as what may be repeated', async () => {
      const id = newId(START);
      const held = several(id, 5).map(certain);
      await stores.held.insert(held);
      const fail = (limit: number) =>
        stores.releases.take({ subscription_id: id, limit, max_bytes: 1e9, rate_per_s: null }, () =>
          Promise.reject(new Error('no log')),
        );
      await expect(fail(3)).rejects.toThrow('no log');
      await expect(fail(1)).rejects.toThrow('no log');
      expect(await countOf(id)).toBe(5);
      const taken = [...(await takeAll(id, { limit: 2 })), ...(await takeAll(id))];
      expect(idsOf(taken)).toEqual(idsOf(held));
      expect(taken.map(({ delivery }) => delivery.may_repeat)).toEqual([true, true, true, false, false]);
    });

    test('a delivery held again after its release is in no doubt', async () => {
      const row = certain(one());
      const { subscription_id } = row.delivery;
      const again = { held_at: START + 50, delivery: { ...row.delivery, resumed_at: START + 40 } };
      await stores.held.insert([row]);
      const take = { subscription_id, limit: 10, max_bytes: 1e9, rate_per_s: null };
      await expect(stores.releases.take(take, () => Promise.reject(new Error('no log')))).rejects.toThrow();
      await takeAll(subscription_id);
      await stores.held.insert([again]);
      expect(await takeAll(subscription_id)).toEqual([again]);
    });

    test('a hold that comes again changes nothing, also after its release; a later hold counts', async () => {
      const first = one();
      const { subscription_id } = first.delivery;
      await stores.held.insert([first, first]);
      await stores.held.insert([{ ...first, held_at: START + 99 }]);
      expect(await takeAll(subscription_id)).toEqual([first]);
      await stores.held.insert([first]);
      expect(await countOf(subscription_id)).toBe(0);

      const later = {
        held_at: START + 50,
        delivery: { ...first.delivery, attempt: 2, resumed_at: START + 40 },
      };
      await stores.held.insert([first, later]);
      expect(await takeAll(subscription_id)).toEqual([later]);
      await stores.held.insert([later, first]);
      expect(await countOf(subscription_id)).toBe(0);
    });

    test('of two who release one subscription at once, one does; another one is not kept waiting', async () => {
      const id = newId(START);
      await stores.held.insert(several(id, 3));
      const take = { subscription_id: id, limit: 10, max_bytes: 1e9, rate_per_s: null };
      let second: HeldDelivery[] | null = null;
      const count = await stores.releases.take(take, async () => {
        second = await takeAll(id);
      });
      expect([count, second]).toEqual([3, []]);
    });

    test('keeps to the rate, and makes up for half a second at most', async () => {
      const id = newId(START);
      await stores.held.insert(several(id, 100));
      await stores.releases.setRate({ id, tenant_id: 'default' }, 10, START + 1000);
      const due = async () => (await stores.releases.due()).filter((row) => row.subscription_id === id);
      await stores.subscriptions.insert(subscriptionInput(), null);
      const takeTwo = async () => (await takeAll(id, { limit: 2, rate_per_s: 10 })).length;
      expect(await takeTwo()).toBe(0);
      clock.advance(1000);
      expect([await takeTwo(), await takeTwo()]).toEqual([2, 0]);
      clock.advance(200);
      expect([await takeTwo(), await takeTwo()]).toEqual([2, 0]);
      clock.advance(60_000);
      expect([await takeTwo(), await takeTwo(), await takeTwo(), await takeTwo()]).toEqual([2, 2, 2, 0]);
      expect(await due()).toMatchObject([{ what: 'cancel', rate_per_s: 10 }]);
    });

    test('is due once it is not paused, and to be cancelled once it is disabled or gone', async () => {
      const input = subscriptionInput({ paused: true, rate_limit_per_s: 5 });
      const { id } = await stores.subscriptions.insert(input, null);
      await stores.held.insert(several(id, 2));
      const due = async () => (await stores.releases.due()).filter((row) => row.subscription_id === id);
      const update = (changes: object) => stores.subscriptions.update(id, changes, { kind: 'keep' }, null);
      expect(await due()).toEqual([]);
      await update({ paused: false });
      const row = { subscription_id: id, what: 'release', rate_per_s: null, rate_limit_per_s: 5 };
      expect(await due()).toEqual([row]);
      await stores.releases.setRate({ id, tenant_id: 'default' }, 7, START + 1000);
      expect(await due()).toEqual([]);
      clock.advance(1000);
      expect(await due()).toEqual([{ ...row, rate_per_s: 7 }]);
      await update({ paused: true, enabled: false });
      expect(await due()).toMatchObject([{ what: 'cancel' }]);
      await stores.subscriptions.remove(id, null);
      expect(await due()).toMatchObject([{ what: 'cancel', rate_limit_per_s: null }]);
      await takeAll(id);
      expect(await due()).toEqual([]);
    });

    test('one that was ended by hand is not released, and does not come back by a repeat', async () => {
      const row = one();
      await stores.held.insert([row]);
      expect(await stores.held.drop(row.delivery.delivery_id)).toBe(true);
      expect(await stores.held.drop(row.delivery.delivery_id)).toBe(false);
      await stores.held.insert([row]);
      expect(await takeAll(row.delivery.subscription_id)).toEqual([]);
    });

    test('forgets what was released long ago, and nothing that is held', async () => {
      const id = newId(START);
      await stores.held.insert(several(id, 5));
      await takeAll(id, { limit: 3 });
      clock.advance(10_000);
      expect(await stores.releases.prune(clock.now() - 20_000)).toBe(0);
      expect(await stores.releases.prune(clock.now() - 5000)).toBeGreaterThanOrEqual(3);
      expect(await countOf(id)).toBe(2);
    });
  });
}
