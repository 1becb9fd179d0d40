import type { Health, LiveSubscription } from '@milena/domain';
import type { TestClock } from '@milena/runtime';
import { StoreUnavailableError, type SubscriptionHealthStore } from '@milena/stores';

interface Told {
  clock: TestClock;
  subscriptions: Map<string, LiveSubscription>;
  healthAway: boolean;
  healthWrites: { id: string; health: string; failing_since: number | null; at: number }[];
  disabled: { id: string; reason: string }[];
}

interface Row {
  health: Health;
  failing_since: number | null;
  changed_at: number;
}

/** A health store that decides as Postgres does, over the world's subscriptions, and tells the world what it wrote. */
export function createMemoryHealth(told: () => Told): SubscriptionHealthStore {
  const changedAt = new Map<string, number>();

  function rowOf(id: string): Row | null {
    const { clock, subscriptions, healthAway } = told();
    if (healthAway) throw new StoreUnavailableError('no connection');
    const subscription = subscriptions.get(id)?.subscription;
    if (subscription === undefined) return null;
    const since = subscription.failing_since;
    const failing_since = since === null ? null : Date.parse(since);
    return { health: subscription.health, failing_since, changed_at: changedAt.get(id) ?? clock.now() };
  }

  function change(id: string, changes: Partial<LiveSubscription['subscription']>): void {
    const { clock, subscriptions } = told();
    const live = subscriptions.get(id)!;
    subscriptions.set(id, { ...live, subscription: { ...live.subscription, ...changes } });
    changedAt.set(id, clock.now());
  }

  const targetOf = (id: string) => told().subscriptions.get(id)!.subscription.target_url;

  return {
    setHealth: async (id, health, failingSince, seen) => {
      const row = rowOf(id);
      if (row === null || (seen && seen.target_url !== targetOf(id))) return;
      const { clock, healthWrites } = told();
      let since = failingSince;
      if (since !== null && seen) {
        const healed = row.failing_since === null && changedAt.has(id) && row.changed_at > since;
        const broke = row.failing_since !== null && row.changed_at < clock.now() - seen.longest_break_ms;
        since = healed || broke ? seen.failed_at! : Math.max(since, row.failing_since ?? since);
      }
      change(id, { health, failing_since: since === null ? null : new Date(since).toISOString() });
      healthWrites.push({ id, health, failing_since: since, at: clock.now() });
      return Promise.resolve();
    },
    disable: async (id, reason, only) => {
      const row = rowOf(id);
      if (row === null || row.health === 'disabled') return false;
      if (only && only.target_url !== targetOf(id)) return false;
      const since = only?.failing_since ?? null;
      if (since !== null && (row.failing_since === null || row.failing_since > since)) return false;
      const { version } = told().subscriptions.get(id)!.subscription;
      change(id, { enabled: false, health: 'disabled', disabled_reason: reason, version: version + 1 });
      told().disabled.push({ id, reason });
      return Promise.resolve(true);
    },
  };
}
