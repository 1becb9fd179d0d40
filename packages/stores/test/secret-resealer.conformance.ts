import { systemClock } from '@milena/runtime';
import type { SecretResealer } from '../src/access-ports.ts';
import type { LiveSubscriptionStore, SubscriptionStore } from '../src/ports.ts';
import { subscriptionInput } from './support/subscription-input.ts';

/** The stores as a process with these keys has them. */
interface Keyed {
  subscriptions: SubscriptionStore;
  live: LiveSubscriptionStore;
  resealer: SecretResealer;
}

/** What every SecretResealer must hold. `open` gives the stores, all over the same data, under a key and those before it. */
export function describeSecretResealer(
  name: string,
  open: (key: Buffer, previous?: readonly Buffer[]) => Keyed,
): void {
  describe(`SecretResealer over ${name}`, () => {
    const [lost, old, current] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(32, 3)] as const;
    const subscribe = async (stores: Keyed, secret: string): Promise<string> =>
      (await stores.subscriptions.insert(subscriptionInput(), secret)).id;
    /** null: they can't be read. */
    const secretsOf = async (stores: Keyed, id: string) => {
      const live = await stores.live.load(id);
      return live?.secrets?.map(({ value }) => value) ?? live?.secrets;
    };

    async function resealAll({ resealer }: Keyed, limit: number) {
      const total = { resealed: 0, unreadable: 0, batches: 0 };
      for (let after: string | null = null; ;) {
        const batch = await resealer.resealBatch(after, limit);
        total.resealed += batch.resealed;
        total.unreadable += batch.unreadable;
        total.batches += 1;
        after = batch.last;
        if (after === null) return total;
      }
    }

    test('what lies under a key before opens, and after the resealing without that key; what nobody can open stays', async () => {
      const before = open(old);
      const ids = await Promise.all(
        ['one', 'two', 'three'].map((text) => subscribe(before, `secret ${text}`)),
      );
      const [rotated = ''] = ids;
      await before.subscriptions.update(
        rotated,
        {},
        { kind: 'rotate', secret: 'newer secret', old_expires_at: systemClock.now() + 60_000 },
        null,
      );
      const unreadable = await subscribe(open(lost), 'under a lost key');
      const now = open(current, [old]);
      const fresh = await subscribe(now, 'made under the new key');
      expect(await secretsOf(now, rotated)).toEqual(['newer secret', 'secret one']);

      expect(await resealAll(now, 2)).toEqual({ resealed: 4, unreadable: 1, batches: 3 });
      const alone = open(current);
      expect(await secretsOf(alone, rotated)).toEqual(['newer secret', 'secret one']);
      expect(await secretsOf(alone, ids[1] ?? '')).toEqual(['secret two']);
      expect(await secretsOf(alone, fresh)).toEqual(['made under the new key']);
      expect(await secretsOf(open(old), rotated)).toBeNull();
      expect(await secretsOf(open(lost), unreadable)).toEqual(['under a lost key']);
      expect(await resealAll(now, 100)).toEqual({ resealed: 0, unreadable: 1, batches: 1 });
    });

    test('whoever rotates a secret that nobody can read has one that can be', async () => {
      const id = await subscribe(open(lost), 'under a lost key');
      const now = open(current);
      expect(await secretsOf(now, id)).toBeNull();
      const change = {
        kind: 'rotate',
        secret: 'a new one',
        old_expires_at: systemClock.now() + 60_000,
      } as const;
      await now.subscriptions.update(id, {}, change, null);
      expect(await secretsOf(now, id)).toEqual(['a new one']);
    });

    test('several who reseal at once leave every secret readable', async () => {
      const before = open(old);
      const ids = await Promise.all(
        Array.from({ length: 100 }, (_, n) => subscribe(before, `secret number ${n}`)),
      );
      const now = open(current, [old]);
      await Promise.all([3, 7, 20, 50].map((limit) => resealAll(now, limit)));
      const alone = open(current);
      for (const [n, id] of ids.entries()) expect(await secretsOf(alone, id)).toEqual([`secret number ${n}`]);
    });
  });
}
