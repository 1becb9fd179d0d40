import { assertSafeToListen, createApiKeyAuthenticator, type Route } from '@milena/http';
import { describeConfig, readConfig, type ProcessPlan } from '@milena/runtime';
import { createEngines, createProcessBase, planProcess } from '@milena/standalone';
import { openTracing } from '@milena/tracing';
import { version } from '../package.json';
import { INGEST_SETTINGS } from './config.ts';
import { wireIngest } from './wire.ts';

/**
 * Ingest as a process of its own.
 * @throws ConfigError
 */
export function planIngest(env: NodeJS.ProcessEnv): ProcessPlan {
  const config = readConfig(env, INGEST_SETTINGS);
  assertSafeToListen(config.HOST, config.API_KEY);
  const base = createProcessBase('ingest', version, config);
  const engines = createEngines(base);
  const pg = engines.postgres(config);
  const keys = engines.apiKeys(pg);
  let routes: Route[] = [];

  return planProcess({
    base,
    config,
    shownConfig: describeConfig(env, INGEST_SETTINGS),
    start: async (told) => {
      const log = await engines.log(config, told);
      const { directory } = engines.directory(config, pg);
      const tracing = await openTracing(base, config);
      const service = wireIngest({ ...base, pg, log, directory, tracing }, config);
      await service.start();
      routes = service.routes;
      return {
        // None is required. Were Kafka's absence, all pods would leave the service at once, and whoever posts would be refused the
        // connection instead of told when to try again.
        checks: engines.checks([]),
        stop: async () => {
          await service.stop();
          await tracing?.close();
          await engines.close();
        },
      };
    },
    api: {
      title: 'Milena ingest',
      description:
        'Accepts events and answers 202 once they are safe in the log. Errors are application/problem+json (RFC 9457).',
      port: config.PORT,
      authenticate: createApiKeyAuthenticator({ apiKey: config.API_KEY, keys, clock: base.clock }),
      routes: () => routes,
    },
  });
}
