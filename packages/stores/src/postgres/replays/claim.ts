import type { ReplayWork } from '../../replay-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';
import { REPLAY_COLUMNS, toWork, WORK_COLUMNS, type WorkRow } from './columns.ts';

export async function claimReplay(
  pg: Queryable,
  lease: { owner: string; nowMs: number; leaseMs: number },
): Promise<ReplayWork | null> {
  const { rows } = await pg.query<WorkRow>(
    `UPDATE replays SET lease_owner = $1, leased_until = $3
     WHERE id = (SELECT id FROM replays WHERE state = 'running' AND (leased_until IS NULL OR leased_until < $2)
       ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING ${REPLAY_COLUMNS}, ${WORK_COLUMNS}`,
    [lease.owner, timeOf(lease.nowMs), timeOf(lease.nowMs + lease.leaseMs)],
  );
  const [row] = rows;
  return row === undefined ? null : toWork(row);
}
