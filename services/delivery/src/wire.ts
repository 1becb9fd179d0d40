import { hostname } from 'node:os';
import type { HttpPost } from '@milena/egress';
import type { ConfigOf } from '@milena/runtime';
import { createSubscriptionHealthStore, type Postgres } from '@milena/stores/postgres';
import type { DELIVERY_SETTINGS } from './config.ts';
import { createDeliveryService, type DeliveryDeps, type DeliveryService } from './service.ts';

/** The service over open engines: the same in a process of its own and in the all-in-one. */
export function wireDelivery(
  parts: Pick<DeliveryDeps, 'log' | 'directory' | 'clock' | 'logger' | 'metrics' | 'tracing'> & {
    pg: Postgres;
    post: HttpPost;
  },
  config: Pick<
    ConfigOf<typeof DELIVERY_SETTINGS>,
    | 'RETRY_DELAYS'
    | 'DELIVERY_TIMEOUT_MS'
    | 'DELIVERY_MAX_AGE'
    | 'WORKER_CONCURRENCY'
    | 'DRAIN_TIMEOUT_MS'
    | 'DISABLE_AFTER'
    | 'OPERATOR_WEBHOOK_URL'
  >,
): DeliveryService {
  return createDeliveryService({
    ...parts,
    health: createSubscriptionHealthStore(parts),
    post: (request) => parts.post.post(request),
    random: Math.random,
    worker: `${hostname()}/${process.pid}`,
    config: {
      retryDelays: config.RETRY_DELAYS,
      timeoutMs: config.DELIVERY_TIMEOUT_MS,
      maxAgeMs: config.DELIVERY_MAX_AGE,
      concurrency: config.WORKER_CONCURRENCY,
      drainTimeoutMs: config.DRAIN_TIMEOUT_MS,
      disableAfterMs: config.DISABLE_AFTER,
      tellOperator: config.OPERATOR_WEBHOOK_URL !== '',
    },
  });
}
