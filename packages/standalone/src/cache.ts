import type { ReadyCheck } from '@milena/runtime';
import type { LiveSubscriptionStore } from '@milena/stores';
import {
  createLocalInvalidationBus,
  createRedisInvalidationBus,
  createRedisLiveSubscriptions,
  openRedis,
  type InvalidationBus,
} from '@milena/stores/cache';
import type { ProcessBase } from './process-plan.ts';
import type { DirectoryConfig } from './settings.ts';

interface Cache {
  live: LiveSubscriptionStore;
  bus: InvalidationBus;
  check: ReadyCheck['check'] | null;
  close(): Promise<void>;
}

/** Redis between the processes and Postgres; without a REDIS_URL nothing, and changes elsewhere are looked for. */
export function openCache(
  config: Pick<DirectoryConfig, 'REDIS_URL' | 'REDIS_PREFIX' | 'SECRETS_KEY'>,
  deps: ProcessBase & { live: LiveSubscriptionStore },
): Cache {
  if (config.REDIS_URL === '') {
    return { live: deps.live, bus: createDeafBus(), check: null, close: () => Promise.resolve() };
  }
  const redis = openRedis({ ...deps, url: config.REDIS_URL, prefix: config.REDIS_PREFIX });
  return {
    live: createRedisLiveSubscriptions({ ...deps, redis, secretsKey: config.SECRETS_KEY }),
    bus: createRedisInvalidationBus({ redis }),
    check: () => redis.check(),
    close: () => redis.close(),
  };
}

/** Tells of changes in this process only, and says so: what other processes change may be missed. */
function createDeafBus(): InvalidationBus {
  const local = createLocalInvalidationBus();
  return {
    ...local,
    subscribe: (listener) => {
      listener.channelLost();
      return local.subscribe(listener);
    },
  };
}
