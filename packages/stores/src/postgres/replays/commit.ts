import type { ReplayProgress } from '../../replay-ports.ts';
import type { Postgres } from '../client.ts';
import { timeOf } from '../sql.ts';

/** Cursor and dead letters in one transaction: a letter counts as replayed exactly when its batch does. */
export async function commitBatch(
  pg: Postgres,
  id: string,
  owner: string,
  progress: ReplayProgress,
): Promise<boolean> {
  const { cursor, done, failed, observed_rate } = progress;
  return pg.transaction(async (tx) => {
    const { count } = await tx.query(
      `UPDATE replays SET cursor_at = $3, cursor_id = $4, done = done + $5, failed = failed + $6,
         observed_rate = coalesce($7, observed_rate), batch_at = NULL, batch_end_at = NULL, batch_end_id = NULL
       WHERE id = $1 AND lease_owner = $2`,
      [id, owner, timeOf(cursor.at), cursor.id, done, failed, observed_rate],
    );
    if (count === 0) return false;
    if (progress.dead_letters.length > 0) {
      await tx.query(
        `UPDATE dead_letters SET status = 'replayed' WHERE delivery_id = ANY ($1::uuid[]) AND status <> 'replayed'`,
        [progress.dead_letters],
      );
    }
    return true;
  });
}
