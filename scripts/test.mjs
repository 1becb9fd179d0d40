// `npm test`: the checks of the house and every suite. `npm test -- packages/log` runs the suites of one place only.
// `npm run test:faults` runs the fault suite alone.
//
// Suites that need the real engines run when those are up (scripts/stack start). In CI they are started here, and their
// absence is a failure.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { findChartTools } from './chart-tools.mjs';
import { ROOT, enginesInto, ensureBuilt, ensureInstalled, requireNode, run } from './lib.mjs';

const CI = process.env.CI === 'true';
const STACK = path.join(ROOT, 'scripts/stack');
const only = process.argv.slice(2);
const faultsOnly = only[0] === '--faults';

requireNode();
await ensureInstalled();
await ensureBuilt();

const bin = (name, file) => path.join(ROOT, 'node_modules', name, file);
const node = (file, ...args) => run(process.execPath, [file, ...args]);
const tally = { passed: 0, failed: 0 };

async function step(name, work) {
  const startedAt = Date.now();
  const ok = (await work()) === 0;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
  tally[ok ? 'passed' : 'failed'] += 1;
}

async function houseChecks() {
  await step('format', () => node(bin('prettier', 'bin/prettier.cjs'), '--check', '--log-level=warn', '.'));
  await step('types', () => node(bin('typescript', 'bin/tsc'), '--noEmit'));
  await step('lint', () => node(bin('eslint', 'bin/eslint.js'), '.', '--max-warnings', '0'));
  await step('laws', () =>
    node(
      bin('dependency-cruiser', 'bin/dependency-cruise.mjs'),
      '--config',
      '.dependency-cruiser.cjs',
      ...['packages', 'services', 'e2e', 'bench', 'load-tests'],
    ),
  );
  await step('unused', () => node(bin('knip', 'bin/knip.js'), '--no-progress'));
  await step('docs', () => node(path.join(ROOT, 'scripts/docs.mjs'), '--check'));
  await step('capacity', () => node(path.join(ROOT, 'scripts/capacity.mjs'), '--check'));
}

/** The chart, the rules and what is rendered from them. The tools for that are got in CI only: helm takes minutes. */
async function chartChecks() {
  if (CI) await step('chart tools', () => run(path.join(ROOT, 'scripts/tools'), []));
  else if (findChartTools() === null) {
    console.log('The checks of the chart are left out: get their tools with scripts/tools.');
    return;
  }
  await step('charts', () => node(path.join(ROOT, 'scripts/check-charts.mjs')));
}

/** The addresses of the engines into the environment of the suites; false when they are not up. */
async function findEngines() {
  if (CI) await step('engines', () => run(STACK, ['start']));
  const missing = enginesInto(process.env);
  if (missing === null) return true;
  if (CI || faultsOnly) {
    console.error(`The engines are not up, and this run needs them: scripts/stack start\n${missing}`);
    tally.failed += 1;
  } else {
    console.log('The suites over real engines are left out: start those with scripts/stack start.');
  }
  return false;
}

async function jest(what, args, env = {}) {
  console.log(`\n${what}`);
  const report = path.join(ROOT, 'node_modules/.cache/milena/jest.json');
  rmSync(report, { force: true });
  const command = [bin('jest', 'bin/jest.js'), '--json', `--outputFile=${report}`, ...args];
  const code = await run(process.execPath, command, { env });
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.error('jest ended without a report.');
    tally.failed += 1;
    return;
  }
  tally.passed += result.numPassedTests;
  // Nothing may be left out quietly: a suite that can't run must say so by failing.
  const failed =
    result.numFailedTests +
    result.numRuntimeErrorTestSuites +
    result.numPendingTests +
    result.numTodoTests +
    (result.numTotalTests === 0 ? 1 : 0);
  tally.failed += failed;
  if (code !== 0 && failed === 0) tally.failed += 1;
}

/**
 * Smoke and load by k6 over the real engines. What they prove here is that nothing is lost; the times are those of a
 * machine that has two cores for everything and other work besides.
 */
async function loadTests() {
  const missing = spawnSync(path.join(ROOT, 'scripts/tools-k6'), ['--find']).status !== 0;
  if (missing && !CI) {
    console.log('\nThe load tests are left out: k6 is missing, and scripts/tools-k6 builds it.');
    return;
  }
  const env = { DURATION: '20s', P99_MS: '500', DELIVERED_P99_MS: '2000', DROPPED: '0.02' };
  await step('load tests', () =>
    run(process.execPath, [path.join(ROOT, 'scripts/load.mjs'), 'smoke', 'load'], { env }),
  );
}

if (only.length === 0) await houseChecks();
if (only.length === 0) await chartChecks();
const engines = await findEngines();
if (!faultsOnly) await jest('Suites', only);
if (engines && only.length === 0) await loadTests();
if (engines && (faultsOnly || only.length === 0)) {
  await jest('Faults', ['--runInBand', ...only.slice(1)], { MILENA_FAULTS: '1' });
}
if (CI) await run(STACK, ['stop']);

console.log(`\n${tally.passed} passed, ${tally.failed} failed`);
process.exit(tally.failed === 0 ? 0 : 1);
