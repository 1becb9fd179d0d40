import type { Replay, ReplayState } from '../../replay-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';
import { REPLAY_COLUMNS } from './columns.ts';

/** Null when it isn't in one of `from`, so of two callers at once one gets the job. */
export async function moveReplay(
  pg: Queryable,
  move: { id: string; from: readonly ReplayState[]; to: ReplayState; nowMs: number },
): Promise<Replay | null> {
  const { rows } = await pg.query<Replay>(
    `UPDATE replays SET state = $3,
       started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, $4) ELSE started_at END,
       finished_at = CASE WHEN $3 IN ('done', 'cancelled', 'failed') THEN $4::timestamptz END,
       error = NULL
     WHERE id = $1 AND state = ANY ($2::text[]) RETURNING ${REPLAY_COLUMNS}`,
    [move.id, move.from, move.to, timeOf(move.nowMs)],
  );
  return rows[0] ?? null;
}
