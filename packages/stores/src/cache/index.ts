export { createApiKeyDirectory } from './api-key-directory.ts';
export {
  createLocalInvalidationBus,
  createThreadsInvalidationBus,
  type InvalidationBus,
  type InvalidationListener,
} from './invalidation-bus.ts';
export { createRedisInvalidationBus } from './redis/invalidation-bus.ts';
export { createRedisLiveSubscriptions } from './redis/live-subscriptions.ts';
export { openRedis, type Redis } from './redis/open-redis.ts';
export { createSubscriptionDirectory } from './subscription-directory.ts';
