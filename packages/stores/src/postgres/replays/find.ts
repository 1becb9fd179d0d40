import type { Replay } from '../../replay-ports.ts';
import type { Queryable } from '../client.ts';
import { REPLAY_COLUMNS } from './columns.ts';

export async function findReplay(pg: Queryable, id: string): Promise<Replay | null> {
  const { rows } = await pg.query<Replay>(`SELECT ${REPLAY_COLUMNS} FROM replays WHERE id = $1`, [id]);
  return rows[0] ?? null;
}
