import type { ConfigOf } from '@milena/runtime';
import { createDeliveryReader, createLedgerReader } from '@milena/stores';
import {
  createAttemptReader,
  createDeliveryHistory,
  createEventSource,
  createHistoryWriter,
  createLedgerHistory,
  createStatsReader,
  type ClickHouse,
} from '@milena/stores/clickhouse';
import {
  createApiKeyStore,
  createCancellationStore,
  createDeadLetterSource,
  createDeadLetterStore,
  createFormerSubscriptions,
  createHeldDeliveries,
  createHeldStore,
  createIdempotencyStore,
  createLedgerKept,
  createOperatorStore,
  createReleaseStore,
  createReplayLeases,
  createReplayStore,
  createSecretResealer,
  createSubscriptionStore,
  type Postgres,
  type SecretBox,
} from '@milena/stores/postgres';
import type { SUBSCRIPTIONS_SETTINGS } from './config.ts';
import { operatorEndpointOf } from './operator/endpoint.ts';
import { createSubscriptionsService, type SubscriptionsDeps, type SubscriptionsService } from './service.ts';

export { operatorEndpointOf } from './operator/endpoint.ts';

/** The service over open engines: the same in a process of its own and in the all-in-one. */
export function wireSubscriptions(
  parts: Pick<
    SubscriptionsDeps,
    'log' | 'directory' | 'keyDirectory' | 'guard' | 'clock' | 'logger' | 'metrics'
  > & { pg: Postgres; clickhouse: ClickHouse; secretBox: SecretBox; version: string },
  config: Pick<
    ConfigOf<typeof SUBSCRIPTIONS_SETTINGS>,
    | 'RETRY_DELAYS'
    | 'LOG_RETENTION_HOURS'
    | 'DEAD_LETTER_RETENTION_DAYS'
    | 'DELIVERY_MAX_AGE'
    | 'API_KEY'
    | 'OPERATOR_WEBHOOK_URL'
    | 'OPERATOR_WEBHOOK_SECRET'
  >,
): SubscriptionsService {
  return createSubscriptionsService({
    ...parts,
    subscriptions: createSubscriptionStore(parts),
    secrets: createSecretResealer(parts),
    apiKeys: createApiKeyStore(parts),
    cancellations: createCancellationStore(parts),
    deadLetters: createDeadLetterStore(parts),
    held: createHeldStore(parts),
    releases: createReleaseStore(parts),
    replays: createReplayStore(parts),
    replayLeases: createReplayLeases(parts),
    replaySources: { dead_letters: createDeadLetterSource(parts), events: createEventSource(parts) },
    recorded: createHistoryWriter(parts),
    idempotency: createIdempotencyStore(parts),
    operator: createOperatorStore(parts),
    formerSubscriptions: createFormerSubscriptions(parts),
    deliveries: createDeliveryReader({
      history: createDeliveryHistory(parts),
      held: createHeldDeliveries(parts),
      historyMs: config.LOG_RETENTION_HOURS * 3_600_000,
      clock: parts.clock,
    }),
    attempts: createAttemptReader(parts),
    stats: createStatsReader(parts),
    ledger: createLedgerReader({ history: createLedgerHistory(parts), kept: createLedgerKept(parts) }),
    config: {
      retryDelays: config.RETRY_DELAYS,
      retentionHours: config.LOG_RETENTION_HOURS,
      deadLetterRetentionDays: config.DEAD_LETTER_RETENTION_DAYS,
      deliveryMaxAgeMs: config.DELIVERY_MAX_AGE,
      hasFirstKey: config.API_KEY !== '',
      userAgent: `Milena/${parts.version}`,
      operatorEndpoint: operatorEndpointOf(config, parts.guard),
    },
  });
}
