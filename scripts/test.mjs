// `npm test`: the checks of the house and every suite. `npm test -- packages/log` runs the suites of one place only.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ROOT, ensureBuilt, ensureInstalled, requireNode, run } from './lib.mjs';

requireNode();
await ensureInstalled();
await ensureBuilt();

const only = process.argv.slice(2);
const bin = (name, file) => path.join(ROOT, 'node_modules', name, file);
const node = (file, ...args) => run(process.execPath, [file, ...args]);

const checks = [
  ['format', () => node(bin('prettier', 'bin/prettier.cjs'), '--check', '--log-level=warn', '.')],
  ['types', () => node(bin('typescript', 'bin/tsc'), '--noEmit')],
  ['lint', () => node(bin('eslint', 'bin/eslint.js'), '.', '--max-warnings', '0')],
  [
    'laws',
    () =>
      node(
        bin('dependency-cruiser', 'bin/dependency-cruise.mjs'),
        '--config',
        '.dependency-cruiser.cjs',
        ...['packages', 'services', 'e2e', 'bench'],
      ),
  ],
  ['unused', () => node(bin('knip', 'bin/knip.js'), '--no-progress')],
  ['docs', () => node(path.join(ROOT, 'scripts/docs.mjs'), '--check')],
];

let passed = 0;
let failed = 0;
if (only.length === 0) {
  for (const [name, check] of checks) {
    const startedAt = Date.now();
    const ok = (await check()) === 0;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
    if (ok) passed += 1;
    else failed += 1;
  }
}

const report = path.join(ROOT, 'node_modules/.cache/milena/jest.json');
rmSync(report, { force: true });
const code = await node(bin('jest', 'bin/jest.js'), '--json', `--outputFile=${report}`, ...only);
let result = null;
try {
  result = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  console.error('jest ended without a report.');
  failed += 1;
}
if (result) {
  passed += result.numPassedTests;
  failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
  // Nothing may be left out quietly: a suite that can't run must say so by failing.
  failed += result.numPendingTests + result.numTodoTests;
  if (result.numTotalTests === 0) failed += 1;
}
if (code !== 0 && failed === 0) failed += 1;
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
