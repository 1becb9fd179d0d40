import { createTestClock, type TestClock } from '@milena/runtime';
import type { LiveSubscriptionStore, SubscriptionDirectory } from '../src/ports.ts';
import { eventually } from './support/eventually.ts';
import { createFakeLiveStore, live, type FakeLiveStore } from './support/live-store.ts';

/** Two processes that cache the same store. */
interface OpenCaches {
  here: SubscriptionDirectory;
  there: SubscriptionDirectory;
  close(): Promise<void>;
}

interface CacheAdapter {
  open(live: LiveSubscriptionStore, clock: TestClock): Promise<OpenCaches>;
  /** How long a change stays unseen that nobody was told of, at most. */
  untoldMs: number;
}

/** What the subscription cache holds, whatever it is made of. */
export function describeSubscriptionCache(name: string, adapter: CacheAdapter): void {
  describe(`subscription cache: ${name}`, () => {
    let clock: TestClock;
    let fake: FakeLiveStore;
    let caches: OpenCaches;
    beforeEach(async () => {
      clock = createTestClock(Date.now());
      fake = createFakeLiveStore();
      caches = await adapter.open(fake.store, clock);
    });
    afterEach(() => caches.close());

    const versionOf = async (directory: SubscriptionDirectory, id: string) =>
      (await directory.get(id))?.subscription.version;
    const idsOf = async (directory: SubscriptionDirectory, tenantId: string) =>
      (await directory.ofTenant(tenantId)).map(({ subscription }) => subscription.id);

    test('gives everything as the store does', async () => {
      const stored = {
        ...live('a', { headers: { 'x-ü': 'é' }, rate_limit_per_s: 0.5, metadata: { a: 'ß' } }),
        secrets: [
          { value: 'whsec_new', expires_at: null },
          { value: 'whsec_old', expires_at: clock.now() + 1000 },
        ],
        cancelled: new Set(['d1', 'd2']),
      };
      fake.rows.set('a', stored);
      expect(await caches.here.get('a')).toEqual(stored);
      expect(await caches.there.get('a')).toEqual(stored);
    });

    test('a change is seen here when invalidate resolves, and there once the news came through', async () => {
      fake.rows.set('a', live('a'));
      expect(await Promise.all([versionOf(caches.here, 'a'), versionOf(caches.there, 'a')])).toEqual([1, 1]);
      for (let version = 2; version < 20; version += 1) {
        fake.rows.set('a', live('a', { version }));
        await caches.here.invalidate('a', 'default');
        expect(await versionOf(caches.here, 'a')).toBe(version);
        await eventually('the other sees it', async () => (await versionOf(caches.there, 'a')) === version);
      }
    });

    test('an old row that was read before a change is never given after it, however late the reader is', async () => {
      fake.rows.set('a', live('a', { version: 1 }));
      const letGo = fake.hold();
      const early = caches.here.get('a');
      await eventually('the reader has read', () => fake.state.loads === 1);
      fake.state.gate = Promise.resolve();
      fake.rows.set('a', live('a', { version: 2 }));
      await caches.there.invalidate('a', 'default');
      letGo();
      await early;
      expect(await versionOf(caches.there, 'a')).toBe(2);
      await eventually('here too', async () => (await versionOf(caches.here, 'a')) === 2);
      // The late writer has had its time by now.
      await caches.there.invalidate('b', 'default');
      expect(await versionOf(caches.there, 'a')).toBe(2);
    });

    test("the same holds for a tenant's list", async () => {
      fake.rows.set('a', live('a'));
      const letGo = fake.hold();
      const early = idsOf(caches.here, 'default');
      await eventually('the reader has read', () => fake.state.loads === 1);
      fake.state.gate = Promise.resolve();
      fake.rows.set('b', live('b'));
      await caches.there.invalidate('b', 'default');
      letGo();
      await early;
      expect(await idsOf(caches.there, 'default')).toEqual(['a', 'b']);
      await eventually('here too', async () => (await idsOf(caches.here, 'default')).length === 2);
    });

    test('what is made or removed shows like any other change', async () => {
      expect(await caches.there.get('a')).toBeNull();
      fake.rows.set('a', live('a'));
      await caches.here.invalidate('a', 'default');
      expect(await versionOf(caches.here, 'a')).toBe(1);
      await eventually('it is there', async () => (await caches.there.get('a')) !== null);
      fake.rows.delete('a');
      await caches.here.invalidate('a', 'default');
      expect(await caches.here.get('a')).toBeNull();
      await eventually('it is gone', async () => (await caches.there.get('a')) === null);
    });

    test('a change that nobody was told of shows when the times to live are over', async () => {
      fake.rows.set('a', live('a', { version: 1 }));
      await caches.here.get('a');
      await caches.there.get('a');
      fake.rows.set('a', live('a', { version: 2 }));
      clock.advance(adapter.untoldMs);
      expect(await versionOf(caches.here, 'a')).toBe(2);
      expect(await versionOf(caches.there, 'a')).toBe(2);
    });

    test('what is cached is given while the store is away', async () => {
      fake.rows.set('a', live('a'));
      await Promise.all([caches.here.get('a'), caches.there.get('a')]);
      fake.state.away = true;
      clock.advance(adapter.untoldMs);
      expect(await versionOf(caches.here, 'a')).toBe(1);
      expect(await versionOf(caches.there, 'a')).toBe(1);
    });
  });
}
