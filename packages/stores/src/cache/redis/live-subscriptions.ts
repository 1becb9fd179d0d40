import type { LiveSubscription, Secret, Subscription } from '@milena/domain';
import type { Clock, Metrics } from '@milena/runtime';
import type { LiveSubscriptionStore } from '../../ports.ts';
import type { Redis } from './open-redis.ts';
import { createSeal } from './seal.ts';
import { createSharedValues } from './shared-values.ts';

/** A LiveSubscription as JSON. Another shape needs another SHAPE_VERSION. */
interface Packed {
  subscription: Subscription;
  secrets: readonly Secret[] | null;
  cancelled: string[];
}

/**
 * `live` behind Redis: what one process read, the others needn't for a minute. Give the same `redis` to
 * `createRedisInvalidationBus`, which makes shared values worthless when something changes. That there is no such
 * subscription isn't shared. While Redis is away everything comes from `live`, after the command timeout at the latest.
 * Misses what passing time alone changes (the end of a secret or of a cancellation) by up to a minute.
 *
 * @param deps.secretsKey 32 bytes, SECRETS_KEY; values that can't be opened with it are read anew
 */
export function createRedisLiveSubscriptions(deps: {
  redis: Redis;
  live: LiveSubscriptionStore;
  secretsKey: Buffer;
  clock: Clock;
  metrics?: Pick<Metrics, 'cacheLookups'>;
}): LiveSubscriptionStore {
  const { redis, live, clock, metrics } = deps;
  const shared = { redis, clock, seal: createSeal(deps.secretsKey) };
  const lookups = metrics && {
    hit: metrics.cacheLookups.labels('shared_hit'),
    miss: metrics.cacheLookups.labels('shared_miss'),
    away: metrics.cacheLookups.labels('shared_away'),
  };
  return {
    load: createSharedValues<LiveSubscription | null>({
      ...shared,
      kind: 'subscription',
      load: (id) => live.load(id),
      pack: (value): Packed | null => value && { ...value, cancelled: [...value.cancelled] },
      unpack: (packed) => {
        const { subscription, secrets, cancelled } = packed as Packed;
        return { subscription, secrets, cancelled: new Set(cancelled) };
      },
      ...(lookups && {
        onLookup: (lookup) => {
          lookups[lookup].inc();
        },
      }),
    }),
    idsOfTenant: createSharedValues<string[]>({
      ...shared,
      kind: 'tenant',
      load: (tenantId) => live.idsOfTenant(tenantId),
      pack: (ids) => ids,
      unpack: (packed) => packed as string[],
    }),
  };
}
