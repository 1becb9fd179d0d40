import { createSsrfGuard, type SsrfGuard } from '@milena/egress';
import { assertSafeToListen, createApiKeyAuthenticator, type Route } from '@milena/http';
import { describeConfig, readConfig, type ConfigOf, type ProcessPlan } from '@milena/runtime';
import {
  createEngines,
  createProcessBase,
  planProcess,
  type Engines,
  type ProcessBase,
} from '@milena/standalone';
import type { ApiKeyDirectory } from '@milena/stores';
import type { Postgres } from '@milena/stores/postgres';
import { version } from '../package.json';
import { MIGRATION_SETTINGS, SUBSCRIPTIONS_SETTINGS } from './config.ts';
import { migrateStores } from './migrate-stores.ts';
import type { SubscriptionsService } from './service.ts';
import { operatorEndpointOf, wireSubscriptions } from './wire.ts';

type Config = ConfigOf<typeof SUBSCRIPTIONS_SETTINGS>;

/**
 * The management and query API as a process of its own. Brings the schemas up to date first.
 * @throws ConfigError
 */
export function planSubscriptions(env: NodeJS.ProcessEnv): ProcessPlan {
  const config = readConfig(env, SUBSCRIPTIONS_SETTINGS);
  assertSafeToListen(config.HOST, config.API_KEY);
  const guard = createSsrfGuard({ allowedPrivate: config.ALLOWED_PRIVATE_TARGETS });
  operatorEndpointOf(config, guard);
  const base = createProcessBase('subscriptions', version, config);
  const engines = createEngines(base);
  const pg = engines.postgres(config);
  const keyDirectory = engines.apiKeys(pg);
  let routes: Route[] = [];

  return planProcess({
    base,
    config,
    shownConfig: describeConfig(env, SUBSCRIPTIONS_SETTINGS),
    start: async (told) => {
      const migration = migrateStores(config, base, told);
      // Subscriptions can be managed without the history, which is waited for meanwhile.
      migration.clickhouse.catch((error: unknown) => {
        base.logger.error({ event: 'clickhouse.not_migrated', err: error });
      });
      await migration.postgres;
      const service = await createService(config, { ...base, pg, keyDirectory, guard }, engines, told);
      await service.start();
      routes = service.routes;
      return {
        checks: engines.checks(['postgres']),
        stop: async () => {
          await service.stop();
          await engines.close();
        },
      };
    },
    api: {
      title: 'Milena',
      description:
        'Manages subscriptions and tells what became of each event. Ids are UUIDv7, times RFC 3339 in UTC, ' +
        'errors application/problem+json (RFC 9457), lists are paged by cursor.',
      port: config.PORT,
      authenticate: createApiKeyAuthenticator({
        apiKey: config.API_KEY,
        keys: keyDirectory,
        clock: base.clock,
      }),
      routes: () => routes,
    },
  });
}

async function createService(
  config: Config,
  base: ProcessBase & { pg: Postgres; keyDirectory: ApiKeyDirectory; guard: SsrfGuard },
  engines: Engines,
  told: AbortSignal,
): Promise<SubscriptionsService> {
  const log = await engines.log(config, told);
  const clickhouse = engines.clickhouse(config);
  const directory = engines.directory(config, base.pg);
  return wireSubscriptions({ ...base, ...directory, log, clickhouse }, config);
}

/**
 * Brings the schemas up to date and ends.
 * @throws ConfigError
 */
export function planMigration(env: NodeJS.ProcessEnv): ProcessPlan {
  const config = readConfig(env, MIGRATION_SETTINGS);
  const base = createProcessBase('migrate', version, config);
  return {
    logger: base.logger,
    drainTimeoutMs: 0,
    endsWhenStarted: true,
    parts: [
      {
        name: 'migration',
        start: (told) => {
          const { postgres, clickhouse } = migrateStores(config, base, told);
          return Promise.all([postgres, clickhouse]);
        },
        stop: () => Promise.resolve(),
      },
    ],
  };
}
