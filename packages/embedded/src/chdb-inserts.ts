import { isUtf8 } from 'node:buffer';
import type { Session } from 'chdb';
import { quoted, type InsertRequest } from './chdb-request.ts';

/** @returns rows written, with those of materialized views. @throws Error of the engine */
export async function insertOnPool(session: Session, request: InsertRequest): Promise<number> {
  const { database, table, columns, format, rows, settings } = request;
  const { rowsWritten } = await session.insert({
    table: database === null ? table : `${database}.${table}`,
    ...(columns && { columns }),
    ...{ format, values: rows, settings },
  });
  return rowsWritten;
}

/** Whether `insertHere` can take it: each row a line, and nothing that a string of the engine's cannot hold. */
export function canInsertHere({ format, rows }: InsertRequest): boolean {
  return format === 'JSONCompactEachRow' && isUtf8(rows) && !rows.includes(0);
}

/** In the thread that calls, which waits for it. @returns rows written. @throws Error of the engine */
export function insertHere(session: Session, request: InsertRequest): number {
  // As one piece: a string that is put together would be copied once more.
  const statement = Buffer.concat([Buffer.from(headOf(request)), request.rows]);
  try {
    session.query(statement.toString());
  } catch (error) {
    // What runs on libuv's threads gives the engine's own words.
    if (error instanceof Error) error.message = error.message.replace(/^Query failed: /, '');
    throw error;
  }
  return linesOf(request.rows);
}

/** Rows follow in the next line. */
function headOf({ database, table, columns, settings, format }: InsertRequest): string {
  const parts = database === null ? table.split('.') : [database, table];
  const into = parts.map(identifier).join('.');
  const list = columns === null ? '' : ` (${columns.map(identifier).join(', ')})`;
  const set = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}`);
  return `INSERT INTO ${into}${list}${set.length === 0 ? '' : ` SETTINGS ${set.join(', ')}`} FORMAT ${format}\n`;
}

/** Of words only; see `toStatement`. */
const identifier = (name: string): string => `\`${name}\``;

const NEWLINE = 10;

/** The last one may have no end. */
function linesOf(text: Buffer): number {
  let lines = text.at(-1) === NEWLINE ? 0 : 1;
  for (let at = text.indexOf(NEWLINE); at >= 0; at = text.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}
