import type { ReplayBatch } from '../../replay-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

export async function beginBatch(
  pg: Queryable,
  id: string,
  owner: string,
  { end, at }: ReplayBatch,
): Promise<boolean> {
  const { count } = await pg.query(
    `UPDATE replays SET batch_at = $3, batch_end_at = $4, batch_end_id = $5
     WHERE id = $1 AND lease_owner = $2 AND state = 'running'`,
    [id, owner, timeOf(at), timeOf(end.at), end.id],
  );
  return count > 0;
}
