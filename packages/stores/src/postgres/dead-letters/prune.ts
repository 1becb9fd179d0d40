import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** Small enough for the statement's timeout whatever the payloads' size. */
const BATCH = 1000;

/** Drops letters given up before `olderThanMs`, oldest first, and returns how many. */
export async function pruneDeadLetters(pg: Queryable, olderThanMs: number): Promise<number> {
  let pruned = 0;
  for (;;) {
    const { count } = await pg.query(
      `DELETE FROM dead_letters WHERE delivery_id IN (
         SELECT delivery_id FROM dead_letters WHERE dead_lettered_at < $1
         ORDER BY dead_lettered_at, delivery_id LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [timeOf(olderThanMs), BATCH],
    );
    pruned += count;
    if (count < BATCH) return pruned;
  }
}
