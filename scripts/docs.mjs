// `npm run docs`: writes the configuration table into the README from the settings themselves; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import prettier from 'prettier';
import { ROOT } from './lib.mjs';
import { loadSettings } from './service-settings.mjs';

const BEGIN = '<!-- settings: begin -->';
const END = '<!-- settings: end -->';

const { settings, settingsTable, readers } = await loadSettings();

const readme = path.join(ROOT, 'README.md');
const before = readFileSync(readme, 'utf8');
const head = before.slice(0, before.indexOf(BEGIN) + BEGIN.length);
const tail = before.slice(before.indexOf(END));
const options = { ...(await prettier.resolveConfig(readme)), parser: 'markdown' };
const after = await prettier.format(`${head}\n\n${settingsTable(settings, readers)}\n\n${tail}`, options);

if (process.argv.includes('--check')) {
  if (after !== before) {
    console.error('README.md: the configuration table is not what the settings say; run: npm run docs');
    process.exit(1);
  }
} else if (after !== before) {
  writeFileSync(readme, after);
  console.log('README.md: configuration table written.');
}
