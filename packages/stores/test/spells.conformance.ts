import type { Subscription } from '@milena/domain';
import type { TestClock } from '@milena/runtime';
import type { HealthSeen, SubscriptionInput } from '../src/ports.ts';
import type { SubscriptionStores } from './subscription-store.conformance.ts';
import { subscriptionInput } from './support/subscription-input.ts';

const TARGET = 'https://example.com/hooks';
const ELSEWHERE = 'https://moved.example.com/hooks';
const BREAK_MS = 60_000;

/** What every SubscriptionHealthStore must hold of spells of failures, and every edit that ends one. */
export function describeSpells(world: () => { clock: TestClock; stores: SubscriptionStores }): void {
  describe('a spell of failures', () => {
    let clock: TestClock;
    let stores: SubscriptionStores;
    let id: string;
    let start: number;
    beforeEach(async () => {
      ({ clock, stores } = world());
      ({ id } = await stores.subscriptions.insert(subscriptionInput({ target_url: TARGET }), null));
      start = clock.now();
    });

    const iso = (ms: number) => new Date(ms).toISOString();
    const fail = (since: number, changes: Partial<HealthSeen> = {}) =>
      stores.health.setHealth(id, 'failing', since, {
        ...{ target_url: TARGET, failed_at: clock.now(), longest_break_ms: BREAK_MS },
        ...changes,
      });
    const health = async (): Promise<Pick<Subscription, 'health' | 'failing_since'>> => {
      const { health, failing_since } = (await stores.subscriptions.find(id))!;
      return { health, failing_since };
    };
    const edit = (changes: Partial<SubscriptionInput>) =>
      stores.subscriptions.update(id, changes, { kind: 'keep' }, null);
    const disable = (failing_since: number | null, target_url = TARGET) =>
      stores.health.disable(id, 'It failed for long.', { target_url, failing_since });

    test('goes on while it is heard of often enough', async () => {
      for (let n = 0; n < 3; n += 1) {
        await fail(start);
        expect(await health()).toEqual({ health: 'failing', failing_since: iso(start) });
        clock.advance(BREAK_MS);
      }
    });

    test('begins anew after a longer break', async () => {
      await fail(start);
      clock.advance(BREAK_MS + 1);
      await fail(start);
      expect(await health()).toEqual({ health: 'failing', failing_since: iso(start + BREAK_MS + 1) });
      // Whoever has not heard of it can't put the earlier beginning back.
      await fail(start);
      expect(await health()).toMatchObject({ failing_since: iso(start + BREAK_MS + 1) });
    });

    test('begins anew when it was healthy meanwhile, by whomever that was written', async () => {
      await fail(start);
      clock.advance(1000);
      await stores.health.setHealth(id, 'healthy', null);
      clock.advance(1000);
      await fail(start);
      expect(await health()).toMatchObject({ failing_since: iso(start + 2000) });
    });

    test('that began after it was healthy keeps its beginning', async () => {
      await fail(start);
      await stores.health.setHealth(id, 'healthy', null);
      clock.advance(2 * BREAK_MS);
      await fail(start + 1);
      expect(await health()).toMatchObject({ failing_since: iso(start + 1) });
    });

    test('of another target is not written', async () => {
      await fail(start, { target_url: ELSEWHERE });
      expect(await health()).toEqual({ health: 'healthy', failing_since: null });
    });

    test('disables what is stored as failing for as long, and nothing else', async () => {
      expect(await disable(start)).toBe(false);
      await fail(start);
      expect(await disable(start - 1)).toBe(false);
      expect(await disable(start, ELSEWHERE)).toBe(false);
      expect(await stores.subscriptions.find(id)).toMatchObject({ enabled: true, version: 1 });
      expect(await disable(start)).toBe(true);
      expect(await stores.subscriptions.find(id)).toMatchObject({ enabled: false, version: 2 });
    });

    test('is not asked for when the endpoint is gone, but the target is', async () => {
      expect(await disable(null, ELSEWHERE)).toBe(false);
      expect(await disable(null)).toBe(true);
    });

    test('ends when the target is changed, for late attempts to the one before too', async () => {
      await fail(start);
      clock.advance(1000);
      await edit({ target_url: ELSEWHERE });
      await fail(start);
      expect(await health()).toEqual({ health: 'healthy', failing_since: null });
      expect(await disable(start)).toBe(false);
    });

    test('does not come back after the subscription was enabled again, whatever an attempt from before still tells', async () => {
      await fail(start);
      expect(await disable(start)).toBe(true);
      clock.advance(1000);
      await edit({ enabled: true });
      expect(await health()).toEqual({ health: 'healthy', failing_since: null });
      await fail(start);
      expect(await health()).toEqual({ health: 'failing', failing_since: iso(start + 1000) });
      expect(await disable(start)).toBe(false);
    });

    test('begins anew at the end of a pause', async () => {
      await fail(start);
      await edit({ paused: true });
      expect(await health()).toMatchObject({ failing_since: iso(start) });
      clock.advance(1000);
      await edit({ paused: false });
      expect(await health()).toEqual({ health: 'failing', failing_since: iso(start + 1000) });
      await fail(start);
      expect(await health()).toMatchObject({ failing_since: iso(start + 1000) });
      expect(await disable(start)).toBe(false);
    });

    test('goes on over any other edit, also one that names what it leaves', async () => {
      await fail(start);
      clock.advance(1000);
      await edit({ description: 'orders', target_url: TARGET, paused: false });
      expect(await health()).toMatchObject({ failing_since: iso(start) });
    });
  });
}
