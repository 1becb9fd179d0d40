import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

export async function renewReplay(
  pg: Queryable,
  lease: { id: string; owner: string; untilMs: number },
): Promise<boolean> {
  const { count } = await pg.query(
    `UPDATE replays SET leased_until = $3 WHERE id = $1 AND lease_owner = $2 AND state = 'running'`,
    [lease.id, lease.owner, timeOf(lease.untilMs)],
  );
  return count > 0;
}
