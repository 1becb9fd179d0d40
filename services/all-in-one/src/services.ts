import { hostname } from 'node:os';
import { createDeliveryService, type DeliveryService } from '@milena/delivery';
import { createHttpPost, type HttpPost, type SsrfGuard } from '@milena/egress';
import { createIngestService, type IngestService } from '@milena/ingest';
import { createRecorderService, type RecorderService } from '@milena/recorder';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { SubscriptionDirectory } from '@milena/stores';
import { createLocalInvalidationBus, createSubscriptionDirectory } from '@milena/stores/cache';
import {
  createAttemptReader,
  createDeliveryReader,
  createEventSource,
  createHistoryWriter,
  createStatsReader,
} from '@milena/stores/clickhouse';
import {
  createCancellationStore,
  createDeadLetterSource,
  createDeadLetterStore,
  createHeldStore,
  createIdempotencyStore,
  createLiveSubscriptionStore,
  createReleaseStore,
  createReplayLeases,
  createReplayStore,
  createSubscriptionHealthStore,
  createSubscriptionStore,
} from '@milena/stores/postgres';
import { createSubscriptionsService, type SubscriptionsService } from '@milena/subscriptions';
import type { AllInOneConfig } from './config.ts';
import type { Engines } from './engines.ts';

/** The four services, and the two parts that they share and that are to be closed after them. */
export interface Services {
  ingest: IngestService;
  subscriptions: SubscriptionsService;
  delivery: DeliveryService;
  recorder: RecorderService;
  post: HttpPost;
  directory: SubscriptionDirectory;
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
  const post = createHttpPost({ ...deps, userAgent: `Milena/${deps.version}` });
  const idempotency = createIdempotencyStore({ pg, clock });
  const deadLetters = createDeadLetterStore({ pg });
  const held = createHeldStore({ pg, clock });
  const shared = { ...deps, log, directory, idempotency, deadLetters, held };

  return {
    post,
    directory,
    ingest: createIngestService({ ...shared, config: { maxPayloadBytes: config.MAX_PAYLOAD_BYTES } }),
    subscriptions: createSubscriptionsService({
      ...shared,
      subscriptions: createSubscriptionStore({ pg, secretBox, clock }),
      cancellations: createCancellationStore({ pg, clock }),
      releases: createReleaseStore({ pg, clock }),
      replays: createReplayStore({ pg, clock }),
      replayLeases: createReplayLeases({ pg, clock }),
      replaySources: {
        dead_letters: createDeadLetterSource({ pg }),
        events: createEventSource({ clickhouse }),
      },
      recorded: createHistoryWriter({ clickhouse }),
      deliveries: createDeliveryReader({ clickhouse }),
      attempts: createAttemptReader({ clickhouse }),
      stats: createStatsReader({ clickhouse }),
      config: {
        retryDelays: config.RETRY_DELAYS,
        retentionHours: config.LOG_RETENTION_HOURS,
        deadLetterRetentionDays: config.DEAD_LETTER_RETENTION_DAYS,
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
