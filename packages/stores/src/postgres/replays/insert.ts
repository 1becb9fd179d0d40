import type { Replay, ReplayStore } from '../../replay-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';
import { REPLAY_COLUMNS } from './columns.ts';

export async function insertReplay(
  pg: Queryable,
  job: Parameters<ReplayStore['insert']>[0],
  nowMs: number,
): Promise<Replay> {
  const { rows } = await pg.query<Replay>(
    `INSERT INTO replays (id, tenant_id, filter, target_url, rate_per_s, state, total, created_at, started_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $6 = 'running' THEN $8::timestamptz END)
     RETURNING ${REPLAY_COLUMNS}`,
    [
      job.id,
      job.tenant_id,
      JSON.stringify(job.filter),
      job.target_url,
      job.rate_per_s,
      job.state,
      job.total,
      timeOf(nowMs),
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`replay ${job.id} is not there after its insert`);
  return row;
}
