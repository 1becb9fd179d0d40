import type { DeadLetter } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { DEAD_LETTER_COLUMNS } from './columns.ts';

export async function findDeadLetter(pg: Queryable, deliveryId: string): Promise<DeadLetter | null> {
  const { rows } = await pg.query<DeadLetter>(
    `SELECT ${DEAD_LETTER_COLUMNS}, payload FROM dead_letters WHERE delivery_id = $1`,
    [deliveryId],
  );
  return rows[0] ?? null;
}
