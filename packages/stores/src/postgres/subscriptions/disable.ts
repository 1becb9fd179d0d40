import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** False when it was already disabled or is gone; then the earlier reason stays. */
export async function disableSubscription(
  pg: Queryable,
  id: string,
  reason: string,
  nowMs: number,
): Promise<boolean> {
  const { count } = await pg.query(
    `UPDATE subscriptions SET enabled = false, disabled_reason = $2, version = version + 1, updated_at = $3
     WHERE id = $1 AND enabled`,
    [id, reason, timeOf(nowMs)],
  );
  return count > 0;
}
