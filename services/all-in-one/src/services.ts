import { hostname } from 'node:os';
import { createDeliveryService, type DeliveryService } from '@milena/delivery';
import { createHttpPost, type HttpPost, type SsrfGuard } from '@milena/egress';
import { createIngestService, type IngestService } from '@milena/ingest';
import { createRecorderService, type RecorderService } from '@milena/recorder';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { ApiKeyDirectory, SubscriptionDirectory } from '@milena/stores';
import {
  createApiKeyDirectory,
  createLocalInvalidationBus,
  createSubscriptionDirectory,
} from '@milena/stores/cache';
import {
  createAttemptReader,
  createDeliveryReader,
  createEventSource,
  createHistoryWriter,
  createStatsReader,
} from '@milena/stores/clickhouse';
import {
  createApiKeyStore,
  createCancellationStore,
  createDeadLetterSource,
  createDeadLetterStore,
  createHeldStore,
  createIdempotencyStore,
  createLiveSubscriptionStore,
  createSecretResealer,
  createReleaseStore,
  createReplayLeases,
  createReplayStore,
  createSubscriptionHealthStore,
  createSubscriptionStore,
} from '@milena/stores/postgres';
import { createSubscriptionsService, type SubscriptionsService } from '@milena/subscriptions';
import type { AllInOneConfig } from './config.ts';
import type { Engines } from './engines.ts';

/** The four services, and the parts that they share and that are to be closed after them. */
export interface Services {
  ingest: IngestService;
  subscriptions: SubscriptionsService;
  delivery: DeliveryService;
  recorder: RecorderService;
  post: HttpPost;
  directory: SubscriptionDirectory;
  keyDirectory: ApiKeyDirectory;
}

interface ServicesDeps {
  engines: Engines;
  config: AllInOneConfig;
  guard: SsrfGuard;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  version: string;
}

/** Wires the four services to one copy of each part. */
export function createServices(deps: ServicesDeps): Services {
  const { engines, clock, config } = deps;
  const { pg, secretBox, clickhouse, log } = engines;
  const directory = createSubscriptionDirectory({
    ...deps,
    live: createLiveSubscriptionStore({ pg, secretBox, clock }),
    bus: createLocalInvalidationBus(),
  });
  const apiKeys = createApiKeyStore({ pg, clock });
  const keyDirectory = createApiKeyDirectory({ store: apiKeys, clock });
  const post = createHttpPost({ ...deps, userAgent: `Milena/${deps.version}` });
  const idempotency = createIdempotencyStore({ pg, clock });
  const deadLetters = createDeadLetterStore({ pg });
  const held = createHeldStore({ pg, clock });
  const shared = { ...deps, log, directory, idempotency, deadLetters, held };

  return {
    post,
    directory,
    keyDirectory,
    ingest: createIngestService({ ...shared, config: { maxPayloadBytes: config.MAX_PAYLOAD_BYTES } }),
    subscriptions: createSubscriptionsService({
      ...shared,
      subscriptions: createSubscriptionStore({ pg, secretBox, clock }),
      secrets: createSecretResealer({ pg, secretBox }),
      apiKeys,
      keyDirectory,
      cancellations: createCancellationStore({ pg, clock }),
      ...replayStores(engines, clock),
      deliveries: createDeliveryReader({ clickhouse }),
      attempts: createAttemptReader({ clickhouse }),
      stats: createStatsReader({ clickhouse }),
      config: {
        retryDelays: config.RETRY_DELAYS,
        retentionHours: config.LOG_RETENTION_HOURS,
        deadLetterRetentionDays: config.DEAD_LETTER_RETENTION_DAYS,
        hasFirstKey: config.API_KEY !== '',
      },
    }),
    delivery: createDeliveryService({
      ...shared,
      health: createSubscriptionHealthStore({ pg, clock }),
      post: (request) => post.post(request),
      random: Math.random,
      worker: `${hostname()}/${process.pid}`,
      config: {
        retryDelays: config.RETRY_DELAYS,
        timeoutMs: config.DELIVERY_TIMEOUT_MS,
        maxAgeMs: config.DELIVERY_MAX_AGE,
        concurrency: config.WORKER_CONCURRENCY,
        drainTimeoutMs: config.DRAIN_TIMEOUT_MS,
        disableAfterMs: config.DISABLE_AFTER,
      },
    }),
    recorder: createRecorderService({ ...shared, history: createHistoryWriter({ clickhouse }) }),
  };
}

/** What pauses and replays need beside the rest. */
function replayStores({ pg, clickhouse }: Engines, clock: Clock) {
  return {
    releases: createReleaseStore({ pg, clock }),
    replays: createReplayStore({ pg, clock }),
    replayLeases: createReplayLeases({ pg, clock }),
    replaySources: {
      dead_letters: createDeadLetterSource({ pg }),
      events: createEventSource({ clickhouse }),
    },
    recorded: createHistoryWriter({ clickhouse }),
  };
}
