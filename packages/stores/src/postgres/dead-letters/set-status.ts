import type { DeadLetterStatus } from '../../ports.ts';
import type { Queryable } from '../client.ts';

/** False when it was not open, so of two callers at once one gets true. */
export async function setDeadLetterStatus(
  pg: Queryable,
  deliveryId: string,
  status: DeadLetterStatus,
): Promise<boolean> {
  const { count } = await pg.query(
    `UPDATE dead_letters SET status = $2 WHERE delivery_id = $1 AND status = 'open'`,
    [deliveryId, status],
  );
  return count > 0;
}
