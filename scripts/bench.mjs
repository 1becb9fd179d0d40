// `npm run bench`: builds what is needed and runs the benchmark; `npm run bench -- --help` lists its options.
import path from 'node:path';
import { ROOT, ensureBuilt, ensureInstalled, requireNode, run } from './lib.mjs';

requireNode();
await ensureInstalled();
await ensureBuilt();
process.exit(
  await run(process.execPath, [
    '--enable-source-maps',
    path.join(ROOT, 'bench/dist/main.cjs'),
    ...process.argv.slice(2),
  ]),
);
