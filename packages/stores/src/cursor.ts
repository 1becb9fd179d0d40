import { BadCursorError, type Page } from './ports.ts';

/** Where a page ended: lists run newest first by time (ms), then by id. */
export interface Keyset {
  at: number;
  id: string;
}

/** Text that sorts as the event store sorts ids: the second half first. */
export const idOrder = (id: string): string => id.slice(19) + id.slice(0, 18);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Later times are no cursor of ours, and Postgres refuses those beyond the year 294276. */
const LATEST_MS = Date.UTC(9999, 11, 31);

function encodeCursor({ at, id }: Keyset): string {
  return Buffer.from(`${at}/${id}`).toString('base64url');
}

/** @throws BadCursorError */
export function decodeCursor(cursor: string): Keyset {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const slash = text.indexOf('/');
  const at = Number(text.slice(0, slash));
  const id = text.slice(slash + 1);
  if (!/^\d{1,16}$/.test(text.slice(0, slash)) || at > LATEST_MS || !UUID.test(id))
    throw new BadCursorError('not a cursor of this list');
  return { at, id };
}

/**
 * Makes a page of `limit` rows from a query that asked for one more, to see whether more follow.
 * @param more whether others follow than these rows
 */
export function pageOf<Row>(
  rows: Row[],
  limit: number,
  keyset: (row: Row) => Keyset,
  more = false,
): Page<Row> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const goesOn = more || rows.length > limit;
  return { data, next_cursor: last !== undefined && goesOn ? encodeCursor(keyset(last)) : null };
}
