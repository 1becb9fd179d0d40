import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { openPostgres } from '@milena/stores/postgres';

const CHDB = path.resolve(__dirname, '../../node_modules/chdb');
const DELETE = `
  const { Session } = require(process.argv[1]);
  const session = new Session(process.argv[2]);
  for (const statement of process.argv.slice(3)) session.query(statement);
  session.close();
`;

/** Deletes rows of the history of an all-in-one that does not run. In a process of its own, as the engine is one per process. */
export async function deleteHistory(
  dataDir: string,
  rows: readonly { table: 'events' | 'attempts' | 'dispositions'; delivery_id: string }[],
): Promise<void> {
  const statements = rows.map(
    ({ table, delivery_id }) =>
      `ALTER TABLE milena.${table} DELETE WHERE delivery_id = '${delivery_id}' SETTINGS mutations_sync = 2`,
  );
  const folder = path.join(dataDir, 'clickhouse');
  await promisify(execFile)(process.execPath, ['-e', DELETE, CHDB, folder, ...statements]);
}

/** Deletes a dead letter of an all-in-one that runs; resolves with how many rows that were. */
export async function deleteDeadLetter(dataDir: string, deliveryId: string): Promise<number> {
  const password = readFileSync(path.join(dataDir, 'postgres/password'), 'utf8');
  const pidFile = readFileSync(path.join(dataDir, 'postgres/cluster/postmaster.pid'), 'utf8');
  // The port is its fourth line (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_PORT).
  const port = pidFile.split('\n')[3] ?? '';
  const pg = openPostgres({ url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`, poolMax: 1 });
  try {
    const { count } = await pg.query('DELETE FROM dead_letters WHERE delivery_id = $1', [deliveryId]);
    return count;
  } finally {
    await pg.close();
  }
}
