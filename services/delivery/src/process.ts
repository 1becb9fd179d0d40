import { createHttpPost, createSsrfGuard } from '@milena/egress';
import { describeConfig, readConfig, type ProcessPlan } from '@milena/runtime';
import { createEngines, createProcessBase, planProcess } from '@milena/standalone';
import { openTracing } from '@milena/tracing';
import { version } from '../package.json';
import { DELIVERY_SETTINGS } from './config.ts';
import { wireDelivery } from './wire.ts';

/**
 * An append that is given up may be in the log all the same, and one that is made anew is there twice then. Unlike a
 * producer, a worker can wait: the broker knows the same request again when it is back.
 */
const APPEND_TIMEOUT_MS = 24 * 3_600_000;

/**
 * A delivery worker as a process of its own; as many as there are partitions share the work.
 * @throws ConfigError
 */
export function planDelivery(env: NodeJS.ProcessEnv): ProcessPlan {
  const config = readConfig(env, DELIVERY_SETTINGS);
  const base = createProcessBase('delivery', version, config);
  const guard = createSsrfGuard({ allowedPrivate: config.ALLOWED_PRIVATE_TARGETS });
  const engines = createEngines(base);

  return planProcess({
    base,
    config,
    shownConfig: describeConfig(env, DELIVERY_SETTINGS),
    start: async (told) => {
      const log = await engines.log(config, told, { appendTimeoutMs: APPEND_TIMEOUT_MS });
      const pg = engines.postgres(config);
      const { directory } = engines.directory(config, pg);
      const post = createHttpPost({ ...base, guard, userAgent: `Milena/${version}` });
      const tracing = await openTracing(base, config);
      const service = wireDelivery({ ...base, pg, log, directory, post, tracing }, config);
      await service.start();
      return {
        checks: engines.checks(['log']),
        stop: async () => {
          await service.stop();
          await post.close();
          await tracing?.close();
          await engines.close();
        },
      };
    },
  });
}
