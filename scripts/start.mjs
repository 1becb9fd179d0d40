// `npm start`: installs and builds what is needed, then runs everything in one process.
import { spawn } from 'node:child_process';
import { ALL_IN_ONE, ensureBuilt, ensureInstalled, requireNode } from './lib.mjs';

requireNode();
await ensureInstalled();
await ensureBuilt();

// As in the Dockerfile, which says why.
const flags = [
  '--enable-source-maps',
  '--no-parallel-scavenge',
  '--no-allocation-site-pretenuring',
  '--min-semi-space-size=32',
  '--max-semi-space-size=32',
  '--heap-growing-percent=100',
  '--v8-pool-size=1',
];
const child = spawn(process.execPath, [...flags, ALL_IN_ONE, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// The child takes a signal that it also got itself, from a terminal or a supervisor, as the same request to stop.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('close', (code, signal) => {
  process.exit(code ?? (signal === 'SIGINT' ? 130 : 1));
});
