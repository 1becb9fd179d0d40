// `npm run docs`: writes the configuration table into the README from the settings themselves; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import prettier from 'prettier';
import { ROOT } from './lib.mjs';

const BEGIN = '<!-- settings: begin -->';
const END = '<!-- settings: end -->';

const bundle = path.join(ROOT, 'node_modules/.cache/milena/settings.cjs');
await build({
  stdin: {
    contents: `
      export { SETTINGS } from '@milena/settings';
      export { settingsTable } from '@milena/runtime';
      export { ALL_IN_ONE_SETTINGS } from './services/all-in-one/src/config.ts';
      export { INGEST_SETTINGS } from './services/ingest/src/config.ts';
      export { SUBSCRIPTIONS_SETTINGS } from './services/subscriptions/src/config.ts';
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
const readers = {
  'all-in-one': exported.ALL_IN_ONE_SETTINGS,
  ingest: exported.INGEST_SETTINGS,
  subscriptions: exported.SUBSCRIPTIONS_SETTINGS,
  delivery: exported.DELIVERY_SETTINGS,
  recorder: exported.RECORDER_SETTINGS,
};

const readme = path.join(ROOT, 'README.md');
const before = readFileSync(readme, 'utf8');
const head = before.slice(0, before.indexOf(BEGIN) + BEGIN.length);
const tail = before.slice(before.indexOf(END));
const options = { ...(await prettier.resolveConfig(readme)), parser: 'markdown' };
const after = await prettier.format(
  `${head}\n\n${exported.settingsTable(exported.SETTINGS, readers)}\n\n${tail}`,
  options,
);

if (process.argv.includes('--check')) {
  if (after !== before) {
    console.error('README.md: the configuration table is not what the settings say; run: npm run docs');
    process.exit(1);
  }
} else if (after !== before) {
  writeFileSync(readme, after);
  console.log('README.md: configuration table written.');
}
