import type { SsrfGuard } from '@milena/egress';
import type { Route } from '@milena/http';
import type { Clock, Logger, Metrics, MetricsOfThread, ProcessPart } from '@milena/runtime';
import type { ApiKeyDirectory } from '@milena/stores';
import { openTracing, type Tracing } from '@milena/tracing';
import type { AllInOneConfig } from './config.ts';
import type { DataDir } from './data-dir.ts';
import { openDeliveriesThread, type DeliveriesThread } from './deliveries-client.ts';
import { openEngines, type Engines } from './engines.ts';
import { createServices, type Services } from './services.ts';

/** What readiness asks about. */
export const DEPENDENCIES = ['postgres', 'clickhouse', 'log', 'delivery'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

interface Running {
  engines: Engines;
  deliveries: DeliveriesThread;
  services: Services;
  tracing: Tracing | null;
}

export interface ServicesPart extends ProcessPart {
  /** Of both APIs; once it is started. */
  routes(): Route[];
  /** Once it is started. */
  keys(): ApiKeyDirectory;
  /** Those that are counted in the thread of the deliveries. */
  metricsOfThread(): Promise<MetricsOfThread>;
  /** Rejects with the reason when that part can't be used now. */
  check(dependency: Dependency): Promise<void>;
}

interface ServicesPartDeps {
  config: AllInOneConfig;
  version: string;
  guard: SsrfGuard;
  dataDir: DataDir;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

/** What is open already is closed again when it rejects. */
async function startAll(deps: ServicesPartDeps, told: AbortSignal): Promise<Running> {
  const deliveries = openDeliveriesThread({
    config: deps.config,
    // Nothing is delivered any more, and nothing accepted.
    lost: (reason) => {
      throw reason;
    },
  });
  let engines: Engines | null = null;
  let end = (): Promise<void> | void => {
    deliveries.end();
  };
  try {
    engines = await openEngines({ ...deps, told });
    const { log, bus } = deliveries;
    const tracing = await openTracing({ ...deps, service: 'all-in-one' }, deps.config);
    const services = createServices({ ...deps, engines, log, bus, tracing });
    await deliveries.start(engines.setup);
    end = () => deliveries.stop();
    await services.subscriptions.start();
    await services.ingest.start();
    return { engines, deliveries, services, tracing };
  } catch (error) {
    await end();
    await engines?.close();
    throw error;
  }
}

/** In the order in which work flows. */
async function stopAll({ engines, deliveries, services, tracing }: Running): Promise<void> {
  await services.subscriptions.stop();
  await services.ingest.stop();
  await Promise.all([deliveries.stop(), tracing?.close()]);
  await services.directory.close();
  await services.keyDirectory.close();
  await engines.close();
}

/** The embedded engines and the four services on them: those with an API in this thread, the others in one of their own. */
export function createServicesPart(deps: ServicesPartDeps): ServicesPart {
  let running: Running | null = null;
  const mustRun = () => {
    if (!running) throw new Error('the services are not running yet');
    return running;
  };
  return {
    name: 'services',
    start: async (told) => {
      running = await startAll(deps, told);
    },
    stop: () => stopAll(mustRun()),
    routes: () => {
      const { ingest, subscriptions } = mustRun().services;
      return [...ingest.routes, ...subscriptions.routes];
    },
    keys: () => mustRun().services.keyDirectory,
    metricsOfThread: () => (running ? running.deliveries.metrics() : Promise.resolve([])),
    check: async (dependency) => {
      const { engines, deliveries } = mustRun();
      if (dependency === 'postgres') await engines.pg.query('SELECT 1');
      if (dependency === 'clickhouse') await engines.clickhouse.ping();
      if (dependency === 'log') await deliveries.log.ping();
      if (dependency === 'delivery') {
        const problems = await deliveries.problems();
        if (problems.length > 0) throw new Error(problems.join('; '));
      }
    },
  };
}
