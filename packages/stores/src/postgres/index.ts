export { createApiKeyStore } from './api-keys/index.ts';
export { createCancellationStore } from './cancel-delivery.ts';
export { openPostgres, type Postgres } from './client.ts';
export { createDeadLetterStore } from './dead-letters/index.ts';
export { createDeadLetterSource } from './dead-letters/replay-source.ts';
export { createFormerSubscriptions } from './former-subscriptions/index.ts';
export { createHeldStore, createReleaseStore } from './held-deliveries/index.ts';
export { createHeldDeliveries } from './held-deliveries/read.ts';
export { createIdempotencyStore } from './idempotency/index.ts';
export { createLedgerKept } from './ledger/index.ts';
export { migrate } from './migrate.ts';
export { createOperatorStore } from './operator/index.ts';
export { createReplayLeases, createReplayStore } from './replays/index.ts';
export { createSecretBox, SecretBoxError, type SecretBox } from './secret-box.ts';
export {
  createLiveSubscriptionStore,
  createSecretResealer,
  createSubscriptionHealthStore,
  createSubscriptionStore,
} from './subscriptions/index.ts';
