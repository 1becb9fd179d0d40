import type { LiveSubscription } from '@milena/domain';
import type { Clock, Metrics } from '@milena/runtime';
import type { LiveSubscriptionStore, SubscriptionDirectory } from '../ports.ts';
import type { InvalidationBus } from './invalidation-bus.ts';
import { createLoadingCache } from './loading-cache.ts';

/** Some 3 KB each. */
const DEFAULT_MAX = 10_000;
/** How long an entry is fresh at most. A change whose invalidation was missed stays unseen for twice that. */
const DEFAULT_TTL_MS = 30_000;
/** Spares the store a client that keeps asking for a subscription that isn't there. */
const ABSENT_TTL_MS = 2000;
/** Time to live while nobody tells us of changes. */
const DEAF_TTL_MS = 3000;

/**
 * Subscriptions in memory. A hit costs well under a microsecond and no I/O. Entries are renewed after half of `ttlMs` to all of
 * it, each at a time of its own so that what came together does not go on asking together, and served on while the store is
 * away; that a subscription does not exist is remembered for two seconds at most. While the bus can't be heard entries are
 * renewed after three seconds at most, and all of them when it can be heard again.
 */
export function createSubscriptionDirectory(deps: {
  live: LiveSubscriptionStore;
  bus: InvalidationBus;
  clock: Clock;
  /** Subscriptions held, and tenants' lists held. */
  max?: number;
  ttlMs?: number;
  /** Math.random, unless told: draws when each entry is renewed. */
  random?: () => number;
  metrics?: Pick<Metrics, 'cacheLookups'>;
}): SubscriptionDirectory {
  const { live, bus, clock, max = DEFAULT_MAX, ttlMs = DEFAULT_TTL_MS, random = Math.random } = deps;
  const subscriptions = createLoadingCache<LiveSubscription | null>({
    load: (id) => live.load(id),
    policy: (value) => (value === null ? { ttlMs: ABSENT_TTL_MS, keep: false } : { ttlMs, keep: true }),
    clock,
    max,
    random,
    ...countingLookups(deps.metrics),
  });
  const tenants = createLoadingCache<string[]>({
    load: (tenantId) => live.idsOfTenant(tenantId),
    policy: () => ({ ttlMs, keep: true }),
    clock,
    max,
    random,
  });
  const forget = (id: string, tenantId: string): void => {
    subscriptions.forget(id);
    tenants.forget(tenantId);
  };
  const unsubscribe = bus.subscribe({
    changed: forget,
    channelLost: () => {
      subscriptions.shorten(DEAF_TTL_MS);
      tenants.shorten(DEAF_TTL_MS);
    },
    channelBack: () => {
      subscriptions.renewAll();
      tenants.renewAll();
    },
  });

  return {
    get: (id) => subscriptions.get(id),
    ofTenant: async (tenantId) => {
      const ids = await tenants.get(tenantId);
      const found = await Promise.all(ids.map((id) => subscriptions.get(id)));
      // The list may be older than a subscription's own entry.
      return found.filter(
        (one): one is LiveSubscription =>
          one !== null && one.subscription.enabled && one.subscription.tenant_id === tenantId,
      );
    },
    invalidate: async (id, tenantId) => {
      forget(id, tenantId);
      await bus.publish(id, tenantId);
    },
    close: async () => {
      unsubscribe();
      await Promise.all([subscriptions.close(), tenants.close()]);
    },
  };
}

function countingLookups(metrics: Pick<Metrics, 'cacheLookups'> | undefined) {
  if (metrics === undefined) return {};
  const counters = {
    hit: metrics.cacheLookups.labels('hit'),
    miss: metrics.cacheLookups.labels('miss'),
    stale: metrics.cacheLookups.labels('stale'),
  };
  return {
    onLookup: (lookup: keyof typeof counters) => {
      counters[lookup].inc();
    },
  };
}
