import type { RetryDelay } from '@milena/domain';
import type { SsrfGuard } from '@milena/egress';
import type { Principal } from '@milena/http';
import type { MessageLog } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type {
  ApiKeyDirectory,
  ApiKeyStore,
  AttemptReader,
  CancellationStore,
  DeadLetterStore,
  DeliveryReader,
  FormerSubscriptions,
  HeldStore,
  HistoryWriter,
  IdempotencyStore,
  LedgerReader,
  OperatorEndpoint,
  OperatorStore,
  SecretResealer,
  ReleaseStore,
  ReplayFilter,
  ReplayLeases,
  ReplaySource,
  ReplayStore,
  StatsReader,
  SubscriptionDirectory,
  SubscriptionStore,
} from '@milena/stores';
import type { LiveTail } from './live-tail/live-tail.ts';

export interface SubscriptionsConfig {
  /** RETRY_DELAYS: what a subscription's own `retry_delays` may be chosen from. */
  retryDelays: readonly RetryDelay[];
  /** LOG_RETENTION_HOURS: how far back `GET /event-types` looks when it is not told. */
  retentionHours: number;
  /** DEAD_LETTER_RETENTION_DAYS. */
  deadLetterRetentionDays: number;
  /** DELIVERY_MAX_AGE in ms: how long a delivery may be in motion without news. */
  deliveryMaxAgeMs: number;
  /** Whether API_KEY is set; without it no further key can be made. */
  hasFirstKey: boolean;
  /** As the delivery workers send it. */
  userAgent: string;
  /** Where operational events go; null = none are made. */
  operatorEndpoint: OperatorEndpoint | null;
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
  operator: OperatorStore;
  formerSubscriptions: FormerSubscriptions;
  apiKeys: Omit<ApiKeyStore, 'findByHash' | 'any'>;
  keyDirectory: Pick<ApiKeyDirectory, 'forget'>;
  secrets: SecretResealer;
  deliveries: DeliveryReader;
  attempts: AttemptReader;
  stats: StatsReader;
  ledger: LedgerReader;
  log: Pick<MessageLog, 'append' | 'lag' | 'retryTopics'>;
  guard: Pick<SsrfGuard, 'checkUrl'>;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'dispositions' | 'heldDeliveries' | 'heldOldest' | 'replayItems' | 'replaysRunning'>;
  config: SubscriptionsConfig;
}

/**
 * What one call works with: the parts above as far as its key sees them, and nothing beside them. Made by `narrow` alone;
 * the parts themselves don't fit this type, so a route can't take them by mistake.
 */
export interface CallDeps extends Pick<
  SubscriptionsDeps,
  | 'subscriptions'
  | 'directory'
  | 'cancellations'
  | 'apiKeys'
  | 'keyDirectory'
  | 'deliveries'
  | 'stats'
  | 'ledger'
  | 'log'
  | 'guard'
  | 'clock'
  | 'metrics'
  | 'config'
> {
  deadLetters: Omit<SubscriptionsDeps['deadLetters'], 'prune'>;
  replays: Omit<ReplayStore, 'prune'>;
  held: Pick<HeldStore, 'summaries' | 'drop'>;
  releases: Pick<ReleaseStore, 'setRate'>;
  replaySources: Record<ReplayFilter['source'], Pick<ReplaySource, 'count'>>;
  attempts: Pick<AttemptReader, 'search'>;
  formerSubscriptions: Pick<FormerSubscriptions, 'at'>;
  liveTail: Pick<LiveTail, 'listen'>;
  /**
   * The tenant that a call is about: the one it names, or the only one that its key knows; undefined = any.
   * @throws HttpProblem 404 for one that its key does not know
   */
  tenantAsked(named: string | undefined): string | undefined;
}

/** What a route is made from: the way to a call's parts. */
export interface RouteDeps {
  /** The parts as far as this caller sees them. */
  as: (caller: Principal | null) => CallDeps;
}
