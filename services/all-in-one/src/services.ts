import type { DeliveryService } from '@milena/delivery';
import { wireDelivery } from '@milena/delivery/wire';
import { createHttpPost, type HttpPost, type SsrfGuard } from '@milena/egress';
import type { IngestService } from '@milena/ingest';
import { wireIngest } from '@milena/ingest/wire';
import type { RecorderService } from '@milena/recorder';
import { wireRecorder } from '@milena/recorder/wire';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { ApiKeyDirectory, SubscriptionDirectory } from '@milena/stores';
import {
  createApiKeyDirectory,
  createLocalInvalidationBus,
  createSubscriptionDirectory,
} from '@milena/stores/cache';
import { createApiKeyStore, createLiveSubscriptionStore } from '@milena/stores/postgres';
import type { SubscriptionsService } from '@milena/subscriptions';
import { wireSubscriptions } from '@milena/subscriptions/wire';
import type { Tracing } from '@milena/tracing';
import type { AllInOneConfig } from './config.ts';
import type { Engines } from './engines.ts';

/** The engine inserts beside the deliveries, on the same processors; see docs/adr/0023. */
const RECORDER_SPACING_MS = 2000;

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
  tracing: Tracing | null;
}

/** Wires the four services to one copy of each part. */
export function createServices(deps: ServicesDeps): Services {
  const { engines, clock, config } = deps;
  const { pg, secretBox } = engines;
  const directory = createSubscriptionDirectory({
    ...deps,
    live: createLiveSubscriptionStore({ pg, secretBox, clock }),
    bus: createLocalInvalidationBus(),
  });
  const keyDirectory = createApiKeyDirectory({ store: createApiKeyStore({ pg, clock }), clock });
  const post = createHttpPost({ ...deps, userAgent: `Milena/${deps.version}` });
  const shared = { ...deps, ...engines, directory, keyDirectory, post };

  return {
    post,
    directory,
    keyDirectory,
    ingest: wireIngest(shared, config),
    subscriptions: wireSubscriptions(shared, config),
    delivery: wireDelivery(shared, config),
    recorder: wireRecorder({ ...shared, spacingMs: RECORDER_SPACING_MS }, config),
  };
}
