import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, ensureInstalled } from '../lib.mjs';
import { dataDir } from './place.mjs';

const DATA = dataDir('clickhouse');
const DATABASE = 'milena';

/** ClickHouse's engine as packages/embedded runs it, in a process of its own: no package registry has the server. */
export const clickhouse = {
  name: 'clickhouse',
  defaultPort: 18123,
  dirs: [DATA],
  stopSignals: [['SIGTERM', 15_000]],

  missingPackages: () => [],

  async prepare() {
    // Only when there is none: others may be working in this checkout, and an install replaces what they run.
    if (!existsSync(path.join(ROOT, 'node_modules/chdb'))) await ensureInstalled();
  },

  command: ({ port, password }) => ({
    file: process.execPath,
    args: [fileURLToPath(new URL('../stack-clickhouse.mjs', import.meta.url)), DATA, String(port), DATABASE],
    // Not an argument, which everybody can read.
    env: { STACK_CLICKHOUSE_PASSWORD: password },
    cwd: ROOT,
  }),

  async check({ port, password }) {
    const reply = await fetch(`http://127.0.0.1:${port}/?database=${DATABASE}`, {
      method: 'POST',
      body: 'SELECT 1',
      headers: { 'x-clickhouse-user': 'default', 'x-clickhouse-key': password },
      signal: AbortSignal.timeout(2000),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(text.trim());
  },

  url: ({ port }) => `http://127.0.0.1:${port}`,
  env: ({ port, password }) => ({
    CLICKHOUSE_URL: `http://127.0.0.1:${port}`,
    CLICKHOUSE_USER: 'default',
    CLICKHOUSE_PASSWORD: password,
    CLICKHOUSE_DATABASE: DATABASE,
  }),
};
