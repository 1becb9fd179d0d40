import type { ReplayEnding } from '../../replay-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** A job that was paused or cancelled meanwhile keeps that state. */
export async function releaseReplay(
  pg: Queryable,
  lease: { id: string; owner: string; nowMs: number },
  ending: ReplayEnding | null,
): Promise<boolean> {
  const { count } = await pg.query(
    `UPDATE replays SET lease_owner = NULL, leased_until = NULL,
       state = CASE WHEN state = 'running' THEN coalesce($3, state) ELSE state END,
       error = CASE WHEN state = 'running' THEN $4 ELSE error END,
       finished_at = CASE WHEN state = 'running' AND $3::text IS NOT NULL THEN $5::timestamptz ELSE finished_at END
     WHERE id = $1 AND lease_owner = $2`,
    [lease.id, lease.owner, ending?.state ?? null, ending?.error ?? null, timeOf(lease.nowMs)],
  );
  return count > 0;
}
