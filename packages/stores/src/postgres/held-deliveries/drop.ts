import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** False when it isn't held. */
export async function dropHeld(pg: Queryable, deliveryId: string, nowMs: number): Promise<boolean> {
  const { count } = await pg.query(
    `UPDATE held_deliveries SET released_at = $2, payload = '' WHERE delivery_id = $1 AND released_at IS NULL`,
    [deliveryId, timeOf(nowMs)],
  );
  return count > 0;
}
