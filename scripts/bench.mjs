// `npm run bench`: builds what is needed and runs the benchmark; `npm run bench -- --help` lists its options.
// `npm run bench:isolation` runs another one: what healthy endpoints suffer from a sick neighbour; `npm run bench:due` a
// third: how punctual retries are.
import path from 'node:path';
import { ROOT, ensureBuilt, ensureInstalled, enginesInto, requireNode, run } from './lib.mjs';
import { NODE_FLAGS } from './node-flags.mjs';

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
const options = process.argv.slice(2);
const other = ['isolation', 'due'].includes(options[0]) ? options.shift() : null;
const script = path.join(ROOT, 'bench/dist', other ? `${other}-process.cjs` : 'main.cjs');
// What sends and what answers count in every latency: their collections are to be as short as Milena's. Children take the flags over.
process.exit(await run(process.execPath, [...NODE_FLAGS, script, ...options]));
