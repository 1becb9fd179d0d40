import { createApiServer, type ApiServer, type Authenticate, type Route } from '@milena/http';
import {
  createAdminServer,
  createLogger,
  createMetrics,
  createReadiness,
  listening,
  systemClock,
  type Clock,
  type Logger,
  type Metrics,
  type ProcessPart,
  type ProcessPlan,
  type ReadyCheck,
  type Readiness,
} from '@milena/runtime';
import type { ProcessConfig } from './settings.ts';

/** One copy of each for the whole process. */
export interface ProcessBase {
  /** Name of the service, for example `ingest`. */
  service: string;
  version: string;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

/** A service over open engines. */
export interface RunningService {
  /** Stops the service, then closes the engines. */
  stop(): Promise<void>;
  checks: readonly ReadyCheck[];
}

/** The API of a service that has one. */
export interface ServiceApi {
  title: string;
  description: string;
  port: number;
  authenticate: Authenticate;
  /** Asked for once the service runs. */
  routes(): Route[];
}

/**
 * A service as a process of its own: the admin server first, so that `/health` answers while the service waits for its
 * engines, then the service, then its API. Stops in reverse.
 */
export function planProcess(options: {
  base: ProcessBase;
  config: ProcessConfig;
  /** What the environment set, secrets masked, for the line that says that the process runs. */
  shownConfig: Record<string, string>;
  start(told: AbortSignal): Promise<RunningService>;
  api?: ServiceApi;
}): ProcessPlan {
  const { base, config, api } = options;
  const { logger } = base;
  let running: RunningService | null = null;
  const checks: ReadyCheck[] = [
    {
      name: 'service',
      required: true,
      check: () =>
        running ? Promise.resolve() : Promise.reject(new Error('it is starting, or waits for its engines')),
    },
  ];
  const readiness = createReadiness(checks);
  const admin = createAdminServer({ ...base, host: config.HOST, port: config.ADMIN_PORT, readiness });
  const addresses: Record<string, string> = {};

  const parts: ProcessPart[] = [
    {
      name: 'admin server',
      start: async () => {
        addresses['admin'] = (await listening('ADMIN_PORT', admin.start())).url;
      },
      stop: () => admin.stop(),
    },
    {
      name: 'service',
      start: async (told) => {
        running = await options.start(told);
        checks.push(...running.checks);
      },
      stop: async () => {
        await running?.stop();
      },
    },
  ];
  if (api) parts.push(apiPart(api, { base, config, readiness, addresses }));
  return {
    logger,
    parts,
    drainTimeoutMs: config.DRAIN_TIMEOUT_MS,
    readiness,
    onStarted: () => {
      logger.info({
        event: 'process.started',
        version: base.version,
        ...addresses,
        config: options.shownConfig,
      });
    },
  };
}

/** A producer that keeps a connection open and sends steadily does so within that time. */
const LINGER_MS = 2000;

function apiPart(
  api: ServiceApi,
  deps: {
    base: ProcessBase;
    config: ProcessConfig;
    readiness: Readiness;
    addresses: Record<string, string>;
  },
): ProcessPart {
  let server: ApiServer | null = null;
  return {
    name: 'API server',
    start: async () => {
      server = createApiServer({
        ...deps.base,
        ...api,
        routes: api.routes(),
        lingerMs: LINGER_MS,
        host: deps.config.HOST,
        ready: () => deps.readiness.report(),
      });
      deps.addresses['api'] = (await listening('PORT', server.start())).url;
    },
    stop: async (deadlineMs) => {
      await server?.stop(deadlineMs);
    },
  };
}

export function createProcessBase(
  service: string,
  version: string,
  config: Pick<ProcessConfig, 'LOG_LEVEL'>,
): ProcessBase {
  return {
    service,
    version,
    clock: systemClock,
    logger: createLogger({ service, level: config.LOG_LEVEL }),
    metrics: createMetrics({ process: true }),
  };
}
