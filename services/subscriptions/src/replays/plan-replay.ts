import { newId } from '@milena/domain';
import type { Logger } from '@milena/runtime';
import type { Replay, ReplayFilter } from '@milena/stores';
import type { CallDeps } from '../deps.ts';

/** How a replay is to be carried out, whatever it is about. */
export interface ReplayOptions {
  target_url: string | null;
  rate_per_s: number;
  /** Only plan: count, and wait to be started. */
  dry_run: boolean;
}

/** Counts what a replay would deliver and stores it as a job, running unless it is to be started later. */
export async function planReplay(
  deps: Pick<CallDeps, 'replays' | 'replaySources' | 'clock'>,
  filter: ReplayFilter,
  { target_url, rate_per_s, dry_run }: ReplayOptions,
  log: Logger,
): Promise<Replay> {
  const total = await deps.replaySources[filter.source].count(filter);
  const replay = await deps.replays.insert({
    id: newId(deps.clock.now()),
    tenant_id: filter.tenant_id,
    filter,
    target_url,
    rate_per_s,
    state: dry_run ? 'planned' : 'running',
    total,
  });
  const { id, tenant_id, state } = replay;
  log.info({ event: 'replay.planned', replay_id: id, tenant_id, state, total, source: filter.source });
  return replay;
}
