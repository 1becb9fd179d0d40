// `npm run load -- smoke`: builds what is needed and runs load tests with k6; `npm run load -- --help` lists options.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { ROOT, ensureBuilt, ensureInstalled, enginesInto, requireNode, run } from './lib.mjs';

requireNode();
await ensureInstalled();
await ensureBuilt();

const args = process.argv.slice(2);
const helpOnly = args.length === 0 || args.includes('--help');
if (!helpOnly) {
  const { status, stdout } = spawnSync(path.join(ROOT, 'scripts/tools-k6'), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) process.exit(1);
  process.env.K6 = stdout.trim();
  const missing = process.env.API || args.includes('--one-process') ? null : enginesInto(process.env);
  if (missing !== null) {
    console.error(`The engines are not up: scripts/stack start, or --one-process, or API=…\n${missing}`);
    process.exit(1);
  }
}
process.exit(
  await run(process.execPath, ['--enable-source-maps', path.join(ROOT, 'load-tests/dist/main.cjs'), ...args]),
);
