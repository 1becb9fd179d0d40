import { describeConfig, readConfig, type ProcessPlan } from '@milena/runtime';
import { createEngines, createProcessBase, planProcess } from '@milena/standalone';
import { countSilentDeliveries } from '@milena/stores/clickhouse';
import { version } from '../package.json';
import { RECORDER_SETTINGS } from './config.ts';
import { createLedgerWatch } from './ledger-watch.ts';
import { wireRecorder } from './wire.ts';

/**
 * A recorder as a process of its own.
 * @throws ConfigError
 */
export function planRecorder(env: NodeJS.ProcessEnv): ProcessPlan {
  const config = readConfig(env, RECORDER_SETTINGS);
  const base = createProcessBase('recorder', version, config);
  const engines = createEngines(base);

  return planProcess({
    base,
    config,
    shownConfig: describeConfig(env, RECORDER_SETTINGS),
    start: async (told) => {
      const log = await engines.log(config, told);
      const clickhouse = engines.clickhouse(config);
      const service = wireRecorder({ ...base, log, clickhouse, pg: engines.postgres(config) }, config);
      const ledger = createLedgerWatch({
        ...base,
        countSilent: (accepted) => countSilentDeliveries(clickhouse, accepted),
      });
      await service.start();
      void ledger.start();
      return {
        // What can't be stored waits in the log.
        checks: engines.checks(['log']),
        stop: async () => {
          void ledger.stop();
          await service.stop();
          await engines.close();
        },
      };
    },
  });
}
