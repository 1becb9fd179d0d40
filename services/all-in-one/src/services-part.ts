import type { SsrfGuard } from '@milena/egress';
import type { Route } from '@milena/http';
import type { Clock, Logger, Metrics, ProcessPart } from '@milena/runtime';
import type { ApiKeyDirectory } from '@milena/stores';
import { openTracing, type Tracing } from '@milena/tracing';
import type { AllInOneConfig } from './config.ts';
import type { DataDir } from './data-dir.ts';
import { openEngines, type Engines } from './engines.ts';
import { createServices, type Services } from './services.ts';

/** What readiness asks about. */
export const DEPENDENCIES = ['postgres', 'clickhouse', 'log', 'delivery'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

export interface ServicesPart extends ProcessPart {
  /** Of both APIs; once it is started. */
  routes(): Route[];
  /** Once it is started. */
  keys(): ApiKeyDirectory;
  /** Rejects with the reason when that part can't be used now. */
  check(dependency: Dependency): Promise<void>;
}

/** The embedded engines and the four services on them. Stops the services in the order in which work flows. */
export function createServicesPart(deps: {
  config: AllInOneConfig;
  version: string;
  guard: SsrfGuard;
  dataDir: DataDir;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}): ServicesPart {
  let running: { engines: Engines; services: Services; tracing: Tracing | null } | null = null;
  const mustRun = () => {
    if (!running) throw new Error('the services are not running yet');
    return running;
  };
  return {
    name: 'services',
    start: async () => {
      const engines = await openEngines(deps);
      try {
        const tracing = await openTracing({ ...deps, service: 'all-in-one' }, deps.config);
        const services = createServices({ ...deps, engines, tracing });
        await startAll(services);
        running = { engines, services, tracing };
      } catch (error) {
        await engines.close();
        throw error;
      }
    },
    stop: async () => {
      const { engines, services, tracing } = mustRun();
      await stopAll(services);
      await tracing?.close();
      await engines.close();
    },
    routes: () => {
      const { ingest, subscriptions } = mustRun().services;
      return [...ingest.routes, ...subscriptions.routes];
    },
    keys: () => mustRun().services.keyDirectory,
    check: async (dependency) => {
      const { engines, services } = mustRun();
      if (dependency === 'postgres') await engines.pg.query('SELECT 1');
      if (dependency === 'clickhouse') await engines.clickhouse.ping();
      if (dependency === 'log') await engines.log.ping();
      if (dependency === 'delivery') {
        const { problems } = services.delivery.health();
        if (problems.length > 0) throw new Error(problems.join('; '));
      }
    },
  };
}

async function startAll({ subscriptions, ingest, recorder, delivery }: Services): Promise<void> {
  await subscriptions.start();
  await ingest.start();
  await recorder.start();
  await delivery.start();
}

/** The recorder goes last, so that what the last attempts came to is still recorded. */
async function stopAll({
  subscriptions,
  ingest,
  recorder,
  delivery,
  post,
  directory,
  keyDirectory,
}: Services): Promise<void> {
  await subscriptions.stop();
  await ingest.stop();
  await delivery.stop();
  await post.close();
  await recorder.stop();
  await directory.close();
  await keyDirectory.close();
}
