import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

const BATCH = 5000;

/** Forgets what was released before `olderThanMs`, and rates of subscriptions that are gone; returns how many rows. */
export async function pruneReleased(pg: Queryable, olderThanMs: number): Promise<number> {
  await pg.query(
    `DELETE FROM releases r WHERE next_at < $1 AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = r.subscription_id)`,
    [timeOf(olderThanMs)],
  );
  await pg.query(
    `DELETE FROM release_steps s WHERE NOT EXISTS (
       SELECT 1 FROM held_deliveries h WHERE h.subscription_id = s.subscription_id AND h.released_at IS NULL)`,
  );
  let pruned = 0;
  for (;;) {
    const { count } = await pg.query(
      `DELETE FROM held_deliveries WHERE delivery_id IN (
         SELECT delivery_id FROM held_deliveries WHERE released_at < $1
         ORDER BY released_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [timeOf(olderThanMs), BATCH],
    );
    pruned += count;
    if (count < BATCH) return pruned;
  }
}
