// `npm start`: installs and builds what is needed, then runs everything in one process.
import { spawn } from 'node:child_process';
import { ALL_IN_ONE, ensureBuilt, ensureInstalled, requireNode } from './lib.mjs';
import { NODE_FLAGS } from './node-flags.mjs';

requireNode();
await ensureInstalled();
await ensureBuilt();

const child = spawn(process.execPath, [...NODE_FLAGS, ALL_IN_ONE, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// The child takes a signal that it also got itself, from a terminal or a supervisor, as the same request to stop.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('close', (code, signal) => {
  process.exit(code ?? (signal === 'SIGINT' ? 130 : 1));
});
