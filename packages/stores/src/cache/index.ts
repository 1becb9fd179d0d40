export { createLocalInvalidationBus, type InvalidationBus } from './invalidation-bus.ts';
export { createSubscriptionDirectory } from './subscription-directory.ts';
