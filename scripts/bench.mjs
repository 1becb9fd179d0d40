// `npm run bench`: builds what is needed and runs the benchmark; `npm run bench -- --help` lists its options.
import path from 'node:path';
import { ROOT, ensureBuilt, ensureInstalled, enginesInto, requireNode, run } from './lib.mjs';

requireNode();
await ensureInstalled();
await ensureBuilt();
if (process.argv.includes('--distributed')) {
  const missing = enginesInto(process.env);
  if (missing !== null) {
    console.error(`--distributed needs the engines: scripts/stack start\n${missing}`);
    process.exit(1);
  }
}
process.exit(
  await run(process.execPath, [
    '--enable-source-maps',
    path.join(ROOT, 'bench/dist/main.cjs'),
    ...process.argv.slice(2),
  ]),
);
