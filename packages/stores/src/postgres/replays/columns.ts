import type { Replay, ReplayWork } from '../../replay-ports.ts';
import { msTime } from '../sql.ts';

/** Selects a Replay as the port has it. */
export const REPLAY_COLUMNS = `
  id, tenant_id, filter, target_url, rate_per_s, state, total::float8, done::float8, failed::float8, observed_rate, error,
  ${msTime('created_at')} AS created_at, ${msTime('started_at')} AS started_at,
  ${msTime('finished_at')} AS finished_at`;

/** What a ReplayWork has beside that. */
export const WORK_COLUMNS = `
  ${msTime('cursor_at')} AS cursor_at, cursor_id, ${msTime('batch_at')} AS batch_at,
  ${msTime('batch_end_at')} AS batch_end_at, batch_end_id`;

export interface WorkRow extends Replay {
  cursor_at: number | null;
  cursor_id: string | null;
  batch_at: number | null;
  batch_end_at: number | null;
  batch_end_id: string | null;
}

export function toWork(row: WorkRow): ReplayWork {
  const { cursor_at, cursor_id, batch_at, batch_end_at, batch_end_id, ...replay } = row;
  const cursor = cursor_at === null || cursor_id === null ? null : { at: cursor_at, id: cursor_id };
  const end = batch_end_at === null || batch_end_id === null ? null : { at: batch_end_at, id: batch_end_id };
  const batch = end === null || batch_at === null ? null : { end, at: batch_at };
  return { ...replay, cursor, batch };
}
