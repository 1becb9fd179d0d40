import type { SsrfGuard } from '@milena/egress';
import type { IngestService } from '@milena/ingest';
import { wireIngest } from '@milena/ingest/wire';
import type { ProducerLog } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { ApiKeyDirectory, SubscriptionDirectory } from '@milena/stores';
import {
  createApiKeyDirectory,
  createSubscriptionDirectory,
  type InvalidationBus,
} from '@milena/stores/cache';
import { createApiKeyStore, createLiveSubscriptionStore } from '@milena/stores/postgres';
import type { SubscriptionsService } from '@milena/subscriptions';
import { wireSubscriptions } from '@milena/subscriptions/wire';
import type { Tracing } from '@milena/tracing';
import type { AllInOneConfig } from './config.ts';
import type { Engines } from './engines.ts';

/** The two services with an API, and the parts that they share and that are to be closed after them. */
export interface Services {
  ingest: IngestService;
  subscriptions: SubscriptionsService;
  directory: SubscriptionDirectory;
  keyDirectory: ApiKeyDirectory;
}

interface ServicesDeps {
  engines: Engines;
  log: ProducerLog;
  bus: InvalidationBus;
  config: AllInOneConfig;
  guard: SsrfGuard;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  version: string;
  tracing: Tracing | null;
}

/** Wires both services to one copy of each part. */
export function createServices(deps: ServicesDeps): Services {
  const { engines, clock, config } = deps;
  const { pg, secretBox } = engines;
  const live = createLiveSubscriptionStore({ pg, secretBox, clock });
  const directory = createSubscriptionDirectory({ ...deps, live });
  const keyDirectory = createApiKeyDirectory({ store: createApiKeyStore({ pg, clock }), clock });
  const shared = { ...deps, ...engines, directory, keyDirectory };

  return {
    directory,
    keyDirectory,
    ingest: wireIngest(shared, config),
    subscriptions: wireSubscriptions(shared, config),
  };
}
