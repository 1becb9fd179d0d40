import { decodeCursor, pageOf } from '../../cursor.ts';
import type { Page, PageRequest } from '../../ports.ts';
import type { Replay, ReplayStore } from '../../replay-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';
import { REPLAY_COLUMNS } from './columns.ts';

/** Newest first. @throws BadCursorError */
export async function listReplays(
  pg: Queryable,
  filter: Parameters<ReplayStore['list']>[0],
  page: PageRequest,
): Promise<Page<Replay>> {
  const after = page.cursor === null ? null : decodeCursor(page.cursor);
  const { rows } = await pg.query<Replay>(
    `SELECT ${REPLAY_COLUMNS} FROM replays
     WHERE ($2::text IS NULL OR tenant_id = $2) AND ($3::text IS NULL OR state = $3)
       AND ($4::timestamptz IS NULL OR (replays.created_at, id) < ($4, $5::uuid))
     ORDER BY replays.created_at DESC, id DESC LIMIT $1`,
    [
      page.limit + 1,
      filter.tenant_id ?? null,
      filter.state ?? null,
      after === null ? null : timeOf(after.at),
      after?.id ?? null,
    ],
  );
  return pageOf(rows, page.limit, (row) => ({ at: row.created_at, id: row.id }));
}
