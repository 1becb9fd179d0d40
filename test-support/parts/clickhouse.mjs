import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadTypeScript } from '../bundle.mjs';

/**
 * ClickHouse's engine behind its HTTP bridge in a temporary directory, unless TEST_CLICKHOUSE_URL names a server to use.
 * In a process of its own: the engine is one per process, and a test must not share an event loop with it.
 */
export async function start() {
  if (process.env.TEST_CLICKHOUSE_URL) return { env: {}, stop: async () => undefined };

  const { outfile } = await loadTypeScript('packages/embedded/src/chdb.ts', 'embedded-clickhouse');
  const dataDir = mkdtempSync(join(tmpdir(), 'milena-test-clickhouse-'));
  const child = fork(fileURLToPath(new URL('clickhouse-child.mjs', import.meta.url)), [outfile, dataDir]);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    if (child.connected) child.disconnect();
    await ended;
    rmSync(outfile, { force: true });
    rmSync(dataDir, { recursive: true, force: true });
  };
  const url = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) =>
      reject(new Error(`the ClickHouse engine ended with ${code} before it was ready`)),
    );
  }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { env: { TEST_CLICKHOUSE_URL: url }, stop };
}
