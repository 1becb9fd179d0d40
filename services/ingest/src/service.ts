import type { Principal, Route } from '@milena/http';
import type { MessageLog } from '@milena/log';
import { createRateLimiter, type Clock, type Logger, type Metrics, type ReadyCheck } from '@milena/runtime';
import type { IdempotencyStore, SubscriptionDirectory } from '@milena/stores';
import type { Tracing } from '@milena/tracing';
import { createAcceptEvent, type Acceptance } from './accept-event.ts';
import { createAppendBatcher } from './append-batcher.ts';
import { createOnce } from './idempotency.ts';
import { narrow } from './narrow.ts';
import { postBatch } from './routes/post-batch.ts';
import { postEvent } from './routes/post-event.ts';
import { postIngest } from './routes/post-ingest.ts';
import { traceIngest } from './trace-ingest.ts';

export interface IngestDeps {
  log: Pick<MessageLog, 'append' | 'ping'>;
  directory: Pick<SubscriptionDirectory, 'get' | 'ofTenant'>;
  /** Its partitions are kept up by the subscriptions service. */
  idempotency: Pick<IdempotencyStore, 'claim' | 'complete' | 'release'>;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'eventsAccepted' | 'ingestRefused' | 'appendBatch'>;
  /** Without it nothing is traced, and there is no hook. */
  tracing?: Tracing | null;
  config: {
    /** MAX_PAYLOAD_BYTES */
    maxPayloadBytes: number;
    /** Bytes of events waiting for the log above which more are refused with 503; default 64 MiB. */
    maxBacklogBytes?: number;
  };
}

export interface IngestService {
  /** For an API server; it must be stopped before this service is. */
  routes: Route[];
  start(): Promise<void>;
  /** Resolves when no append is under way any more. */
  stop(): Promise<void>;
  health(): ReadyCheck[];
}

/** Accepts events: checks them, appends them to the log, and only then answers 202. */
export function createIngestService(deps: IngestDeps): IngestService {
  const { log, directory, clock, logger, metrics, config } = deps;
  const { maxPayloadBytes, maxBacklogBytes } = config;
  const batcher = createAppendBatcher({
    log,
    metrics,
    ...(maxBacklogBytes !== undefined && { maxBacklogBytes }),
  });
  const once = createOnce<Acceptance>({ store: deps.idempotency, clock, logger });
  const accept = createAcceptEvent({ batcher, once, clock, logger, metrics });
  const acceptEvent = deps.tracing ? traceIngest(accept, deps.tracing) : accept;
  const limiter = createRateLimiter({ clock });
  const directoryOf = (caller: Principal | null) => narrow(directory, caller);
  const routeDeps = { acceptEvent, directoryOf, limiter, clock, metrics, maxPayloadBytes };

  return {
    routes: [postIngest(routeDeps), postEvent(routeDeps), postBatch(routeDeps)],
    start: () => Promise.resolve(),
    stop: () => batcher.idle(),
    health: () => [{ name: 'log', required: true, check: () => log.ping() }],
  };
}
