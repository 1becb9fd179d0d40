import type { RetryDelay } from '@milena/domain';
import type { SsrfGuard } from '@milena/egress';
import type { MessageLog } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type {
  AttemptReader,
  CancellationStore,
  DeadLetterStore,
  DeliveryReader,
  HeldStore,
  HistoryWriter,
  IdempotencyStore,
  ReleaseStore,
  ReplayFilter,
  ReplayLeases,
  ReplaySource,
  ReplayStore,
  StatsReader,
  SubscriptionDirectory,
  SubscriptionStore,
} from '@milena/stores';

export interface SubscriptionsConfig {
  /** RETRY_DELAYS: what a subscription's own `retry_delays` may be chosen from. */
  retryDelays: readonly RetryDelay[];
  /** LOG_RETENTION_HOURS: how far back `GET /event-types` looks when it is not told. */
  retentionHours: number;
  /** DEAD_LETTER_RETENTION_DAYS. */
  deadLetterRetentionDays: number;
  /** Clients of the live tail at once; 100 when absent. */
  maxListeners?: number;
}

/** Everything the management and query API works with. */
export interface SubscriptionsDeps {
  subscriptions: SubscriptionStore;
  directory: Pick<SubscriptionDirectory, 'invalidate'>;
  cancellations: CancellationStore;
  deadLetters: Omit<DeadLetterStore, 'insert'>;
  held: Omit<HeldStore, 'insert'>;
  releases: ReleaseStore;
  replays: ReplayStore;
  replayLeases: ReplayLeases;
  replaySources: Record<ReplayFilter['source'], ReplaySource>;
  /** Which deliveries the event store has. */
  recorded: Pick<HistoryWriter, 'known'>;
  idempotency: Pick<IdempotencyStore, 'maintain'>;
  deliveries: DeliveryReader;
  attempts: AttemptReader;
  stats: StatsReader;
  log: Pick<MessageLog, 'append' | 'lag'>;
  guard: Pick<SsrfGuard, 'checkUrl'>;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'dispositions' | 'heldDeliveries' | 'heldOldest' | 'replayItems' | 'replaysRunning'>;
  config: SubscriptionsConfig;
}
