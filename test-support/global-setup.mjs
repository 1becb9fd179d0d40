import { randomBytes } from 'node:crypto';
import * as clickhouse from './parts/clickhouse.mjs';
import * as postgres from './parts/postgres.mjs';

/**
 * Real servers that tests talk to, started once per run. A part is `{ name, start(): Promise<{ env, stop() }> }`:
 * `env` is given to the test processes, `stop` must also undo a half-done start.
 */
const PARTS = [postgres, clickhouse];

/** Jest calls this once before the first test, in the process that later calls the teardown. */
export default async function globalSetup() {
  process.env.MILENA_TEST_RUN ??= randomBytes(4).toString('hex');
  globalThis.milenaTestParts = [];
  for (const part of PARTS) {
    const started = await part.start();
    Object.assign(process.env, started.env);
    globalThis.milenaTestParts.push(started);
  }
}
