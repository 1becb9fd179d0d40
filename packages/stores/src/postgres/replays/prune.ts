import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

const BATCH = 1000;

/** What runs or is paused stays, however old it is: somebody still means it. */
export async function pruneReplays(pg: Queryable, olderThanMs: number): Promise<number> {
  let pruned = 0;
  for (;;) {
    const { count } = await pg.query(
      `DELETE FROM replays WHERE id IN (
         SELECT id FROM replays
         WHERE created_at < $1 AND (finished_at < $1 OR state = 'planned')
         ORDER BY created_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [timeOf(olderThanMs), BATCH],
    );
    pruned += count;
    if (count < BATCH) return pruned;
  }
}
