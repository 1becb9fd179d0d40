import { randomUUID } from 'node:crypto';
import type { ClickHouse } from './client.ts';

export interface Table {
  name: string;
  columns: readonly string[];
  /** Columns of a row's id and of its time; absent where a row that is there twice counts once for every reader. */
  key?: { id: string; at: string };
}
type KeyedTable = Required<Table>;

/** @returns sends the rows, always the same ones, in the format JSONCompactEachRow; to be called until it resolves */
export function createInsert(
  clickhouse: ClickHouse,
  { name, columns, key }: Table,
): (rows: Buffer) => Promise<void> {
  // A new token each time: without any the store goes by the rows themselves, with the danger that is told of below.
  if (key === undefined) return (rows) => clickhouse.insert(name, columns, rows, randomUUID());
  return insertOnce(clickhouse, { name, columns, key });
}

/**
 * An insert whose end is unknown is made again with its token, by which the store recognises it, even while it is at
 * work on the first. But ClickHouse notes a token before the rows' part has its name: one that was killed in between
 * recognises rows that it does not have. So after a failure it is asked for them.
 */
function insertOnce(clickhouse: ClickHouse, table: KeyedTable): (rows: Buffer) => Promise<void> {
  let rest: Buffer | null = null;
  let token = randomUUID();
  let failed = false;
  const insert = async (rows: Buffer): Promise<void> => {
    try {
      await clickhouse.insert(table.name, table.columns, rows, token);
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  return async (rows) => {
    await insert((rest ??= rows));
    if (!failed) return;
    rest = await withoutKnown(clickhouse, table, rest);
    token = randomUUID();
    failed = false;
    if (rest.length > 0) await insert(rest);
  };
}

/** Those of the rows that are not stored. */
async function withoutKnown(clickhouse: ClickHouse, table: KeyedTable, rows: Buffer): Promise<Buffer> {
  const [id, at] = [table.columns.indexOf(table.key.id), table.columns.indexOf(table.key.at)];
  const parsed = rows
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => {
      const cells = JSON.parse(line) as unknown[];
      return { line, id: String(cells[id]), at: Number(cells[at]) };
    });
  const since = parsed.reduce((earliest, row) => Math.min(earliest, row.at), Infinity);
  const ids = parsed.map((row) => row.id);
  const known = await knownIds(clickhouse, table, ids, since);
  return Buffer.from(parsed.flatMap((row) => (known.has(row.id) ? [] : [row.line, '\n'])).join(''));
}

/** Of the ids, those that have a row; `since` (ms) bounds the search: no row of these is older. */
export async function knownIds(
  clickhouse: ClickHouse,
  { name, key }: KeyedTable,
  ids: readonly string[],
  since: number,
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await clickhouse.select<{ id: string }>(
    `SELECT DISTINCT ${key.id} AS id FROM ${name}
     WHERE ${key.at} >= fromUnixTimestamp64Milli({since:Int64}) AND ${key.id} IN {ids:Array(UUID)}`,
    { since, ids },
  );
  return new Set(rows.map((row) => row.id));
}
