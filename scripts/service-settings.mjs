// The settings as the code has them: all of them, and those that each process reads.
import path from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './lib.mjs';

export async function loadSettings() {
  const bundle = path.join(ROOT, 'node_modules/.cache/milena/settings.cjs');
  await build({
    stdin: {
      contents: `
        export { SETTINGS } from '@milena/settings';
        export { settingsTable } from '@milena/runtime';
        export { ALL_IN_ONE_SETTINGS } from './services/all-in-one/src/config.ts';
        export { INGEST_SETTINGS } from './services/ingest/src/config.ts';
        export { MIGRATION_SETTINGS, SUBSCRIPTIONS_SETTINGS } from './services/subscriptions/src/config.ts';
        export { DELIVERY_SETTINGS } from './services/delivery/src/config.ts';
        export { RECORDER_SETTINGS } from './services/recorder/src/config.ts';
      `,
      resolveDir: ROOT,
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: bundle,
    external: ['pino', 'prom-client', 'zod'],
  });
  const exported = (await import(bundle)).default;
  return {
    settings: exported.SETTINGS,
    settingsTable: exported.settingsTable,
    /** By process: what it reads of the environment. */
    readers: {
      'all-in-one': exported.ALL_IN_ONE_SETTINGS,
      ingest: exported.INGEST_SETTINGS,
      subscriptions: exported.SUBSCRIPTIONS_SETTINGS,
      delivery: exported.DELIVERY_SETTINGS,
      recorder: exported.RECORDER_SETTINGS,
    },
    /** Of `main.cjs migrate`, which the table leaves out: it reads nothing that the service does not. */
    migration: exported.MIGRATION_SETTINGS,
  };
}
