import { newId } from '@milena/domain';
import { createTestClock, type TestClock } from '@milena/runtime';
import type { FormerSubscriptions } from '../src/former-ports.ts';
import type { SubscriptionStores } from './subscription-store.conformance.ts';
import { subscriptionInput } from './support/subscription-input.ts';

const START = Date.UTC(2026, 0, 1);

type Stores = SubscriptionStores & { former: FormerSubscriptions };

/** What every FormerSubscriptions must hold. */
export function describeFormerSubscriptions(name: string, open: (clock: TestClock) => Promise<Stores>): void {
  describe(`FormerSubscriptions over ${name}`, () => {
    let clock: TestClock;
    let stores: Stores;
    beforeEach(async () => {
      clock = createTestClock(START);
      stores = await open(clock);
    });

    const first = { target_url: 'https://example.com/one', headers: { 'x-shop': 'north' } };
    const created = (changes = {}, secret: string | null = null) =>
      stores.subscriptions.insert(subscriptionInput({ ...first, ...changes }), secret);
    const update = (id: string, changes: object, secret: string | null = null) =>
      stores.subscriptions.update(
        id,
        changes,
        secret === null ? { kind: 'keep' } : { kind: 'replace', secret },
        null,
      );

    test('tells what each version sent with, the present one too, through changes of any kind', async () => {
      const { id, tenant_id } = await created();
      await update(id, { description: 'says nothing about requests' });
      await update(id, { target_url: 'https://example.com/two' });
      await update(id, { headers: { 'x-shop': 'south', 'x-new': '1' } });
      await stores.health.disable(id, 'gone');
      await update(id, { enabled: true }, 'a secret of some length');
      const as = (over = {}) => ({ tenant_id, ...first, has_secret: false, ...over });
      const two = { target_url: 'https://example.com/two' };
      const three = { ...two, headers: { 'x-shop': 'south', 'x-new': '1' } };
      expect(await stores.former.at(id, [1, 2, 3, 4, 5, 6, 6, 7])).toEqual(
        new Map([
          [1, as()],
          [2, as()],
          [3, as(two)],
          [4, as(three)],
          [5, as(three)],
          [6, as({ ...three, has_secret: true })],
        ]),
      );
      expect(await stores.former.at(id, [])).toEqual(new Map());
    });

    test('knows a subscription that was deleted, and none that never was', async () => {
      const { id } = await created({}, 'a secret of some length');
      await stores.subscriptions.remove(id, null);
      expect((await stores.former.at(id, [1])).get(1)).toMatchObject({ ...first, has_secret: true });
      expect(await stores.former.at(newId(START), [1])).toEqual(new Map());
    });

    test('never gives out the value of a header that holds a credential, whether former or present', async () => {
      const { id } = await created({
        headers: { Authorization: 'Bearer hush', 'x-api-key': 'hush', 'x-a': 'b' },
      });
      await update(id, { headers: { cookie: 'hush' } });
      const found = await stores.former.at(id, [1, 2]);
      expect([...found.values()].map(({ headers }) => headers)).toEqual([
        { Authorization: '***', 'x-api-key': '***', 'x-a': 'b' },
        { cookie: '***' },
      ]);
    });

    test('forgets what was replaced long ago', async () => {
      const { id } = await created();
      await update(id, { target_url: 'https://example.com/two' });
      clock.advance(10_000);
      await update(id, { target_url: 'https://example.com/three' });
      expect(await stores.former.prune(START)).toBe(0);
      expect(await stores.former.prune(START + 1)).toBeGreaterThanOrEqual(1);
      // The oldest that is left reaches further back than it should: attempts of that time are gone before.
      expect((await stores.former.at(id, [2])).get(2)?.target_url).toBe('https://example.com/two');
      expect((await stores.former.at(id, [3])).get(3)?.target_url).toBe('https://example.com/three');
    });
  });
}
