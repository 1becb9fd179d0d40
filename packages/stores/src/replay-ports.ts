import type { EventRow } from '@milena/domain';
import type { Page, PageRequest } from './ports.ts';

export const REPLAY_STATES = ['planned', 'running', 'paused', 'done', 'cancelled', 'failed'] as const;
export type ReplayState = (typeof REPLAY_STATES)[number];

/** Deliveries that came to an end, by how: what is still in motion can't be replayed. */
export const REPLAYABLE_STATUSES = ['delivered', 'failed', 'expired', 'cancelled', 'filtered'] as const;

/** What is to be delivered again. Times in ms since the epoch, `since` included, `until` not; null = any. */
export interface ReplayFilter {
  /** `dead_letters`: by when they were given up; `events`: one subscription's history, by acceptance. */
  source: 'dead_letters' | 'events';
  subscription_id: string | null;
  tenant_id: string | null;
  event_type: string | null;
  since: number | null;
  until: number;
  ids: readonly string[] | null;
  /** Of dead letters, or of deliveries. */
  statuses: readonly string[];
}

/** A job as callers see it. Times in ms since the epoch. */
export interface Replay {
  id: string;
  tenant_id: string | null;
  filter: ReplayFilter;
  /** null = each to its subscription's own URL. */
  target_url: string | null;
  rate_per_s: number;
  state: ReplayState;
  /** Counted when it was planned. */
  total: number;
  done: number;
  /** Passed over: their subscription is gone or disabled. */
  failed: number;
  /** Of late, a second; null before anything was done. */
  observed_rate: number | null;
  error: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

/** A place in a source: items are ordered by time, then by id. */
export interface ReplayPosition {
  at: number;
  id: string;
}

/** Part of a job: what lies between its cursor and `end`, as deliveries accepted at `at`. */
export interface ReplayBatch {
  end: ReplayPosition;
  at: number;
}

/** A job as the one who carries it on needs it. */
export interface ReplayWork extends Replay {
  /** Everything up to here is done; null = nothing yet. */
  cursor: ReplayPosition | null;
  /** Begun before and not known to be done: its deliveries may be in the log, all, some or none. */
  batch: ReplayBatch | null;
}

/** Jobs as the API needs them. */
export interface ReplayStore {
  insert(
    job: Pick<Replay, 'id' | 'tenant_id' | 'filter' | 'target_url' | 'rate_per_s' | 'state' | 'total'>,
  ): Promise<Replay>;
  find(id: string): Promise<Replay | null>;
  /** Newest first. */
  list(filter: { tenant_id?: string; state?: ReplayState }, page: PageRequest): Promise<Page<Replay>>;
  /** The job in its new state; null when it isn't in one of `from`. */
  move(id: string, from: readonly ReplayState[], to: ReplayState): Promise<Replay | null>;
  /** Forgets jobs that ended before this time (ms since the epoch), or were planned before it and never started. */
  prune(olderThan: number): Promise<number>;
}

/**
 * Running jobs as those who carry them on need them. A lease gives one process the job; whoever dies loses it by time.
 * Everything but `claim` says false, and changes nothing, once the lease is somebody else's.
 */
export interface ReplayLeases {
  /** A running job that nobody has, the oldest first. */
  claim(owner: string, leaseMs: number): Promise<ReplayWork | null>;
  /** False also when the job is no longer running. */
  renew(id: string, owner: string, leaseMs: number): Promise<boolean>;
  /** Written down before the first of its deliveries is appended. False also when the job is no longer running. */
  begin(id: string, owner: string, batch: ReplayBatch): Promise<boolean>;
  /** What was begun is done, also when the job was paused or cancelled meanwhile; these dead letters are `replayed`. */
  commit(id: string, owner: string, progress: ReplayProgress): Promise<boolean>;
  /** Gives the job to whoever claims it next, or ends it. */
  release(id: string, owner: string, ending: ReplayEnding | null): Promise<boolean>;
}

export interface ReplayProgress {
  cursor: ReplayPosition;
  done: number;
  failed: number;
  observed_rate: number | null;
  dead_letters: readonly string[];
}

export interface ReplayEnding {
  state: 'done' | 'failed';
  error: string | null;
}

/** Where the items of a replay come from. */
export interface ReplaySource {
  count(filter: ReplayFilter): Promise<number>;
  /**
   * The items after a position, oldest first, up to `end` or, when that is null, up to the bounds. The end reached comes
   * with them: items may be none and still more follow; an end of null means that nothing does.
   */
  next(
    filter: ReplayFilter,
    after: ReplayPosition | null,
    bounds: { end: ReplayPosition | null; limit: number; max_bytes: number },
  ): Promise<{ items: EventRow[]; end: ReplayPosition | null }>;
}
