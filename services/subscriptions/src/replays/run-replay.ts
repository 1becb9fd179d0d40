import { encodeDelivery, type Delivery } from '@milena/domain';
import { DELIVERIES } from '@milena/log';
import type { ReplayBatch, ReplayEnding, ReplayWork } from '@milena/stores';
import { caughtUp, EVENTS_RECORDER } from '../caught-up.ts';
import type { SubscriptionsDeps } from '../deps.ts';
import { makeDeliveries } from './make-deliveries.ts';
import { createPace, type Pace } from './pace.ts';

/** Of one batch: what a crash may leave in doubt, and what is in memory at once. */
const BATCH_BYTES = 4 * 1024 * 1024;
const APPENDED_AT_ONCE = 500;

export type ReplayDeps = Pick<
  SubscriptionsDeps,
  'replayLeases' | 'replaySources' | 'subscriptions' | 'recorded' | 'log' | 'clock' | 'logger' | 'metrics'
>;

/** Who carries the job on, and until when. */
interface Lease {
  owner: string;
  /** Aborted when the lease is lost, the job no longer runs, or this process stops. */
  signal: AbortSignal;
  /** Whether the lease surely is ours at this moment. */
  holds(): boolean;
  /** The job is about to wait, with nothing in hand. */
  rest(): void;
}

/**
 * Carries a job on, batch by batch, until nothing follows or the lease ends (null). Each item becomes exactly one new
 * delivery:
 *
 *     write the batch down (its end, its time) · append its deliveries · write down that it is done
 *
 * Before the first step nothing was appended, after the last everything was. In between nobody can tell, so a batch that
 * is found begun waits until the recorder has stored whatever is in the log, and appends only those of its deliveries
 * that the event store does not have: their ids are the same every time.
 */
export async function runReplay(
  work: ReplayWork,
  lease: Lease,
  deps: ReplayDeps,
): Promise<ReplayEnding | null> {
  const source = deps.replaySources[work.filter.source];
  const pace = createPace(deps, work.rate_per_s);
  let { cursor, batch: begun } = work;
  const ended = (): boolean => lease.signal.aborted;
  /** Looking delivers nothing, so a source that finds nothing for long stretches is gone through without a wait. */
  let idle = false;
  for (;;) {
    if (begun === null && !idle) await pace.turn(lease.signal);
    if (ended()) return null;
    const bounds = { end: begun?.end ?? null, limit: pace.batch, max_bytes: BATCH_BYTES };
    const { items, end } = await source.next(work.filter, cursor, bounds);
    if (end === null) return { state: 'done', error: null };
    if (idle && items.length > 0) {
      // By now live traffic may be waiting. It is read again when its turn has come.
      idle = false;
      lease.rest();
      continue;
    }
    const batch: ReplayBatch = begun ?? { end, at: deps.clock.now() };
    const { deliveries, failed } = await makeDeliveries(deps.subscriptions, work, batch.at, items);
    if (!(await append(work, batch, deliveries, { begun: begun !== null, lease, deps }))) return null;
    if (!(await commit(work, batch, { deliveries, failed, pace, lease, deps }))) return null;
    cursor = batch.end;
    begun = null;
    idle = deliveries.length === 0;
  }
}

/** False when the lease ended before it was done. */
async function append(
  work: ReplayWork,
  batch: ReplayBatch,
  deliveries: readonly Delivery[],
  { begun, lease, deps }: { begun: boolean; lease: Lease; deps: ReplayDeps },
): Promise<boolean> {
  if (deliveries.length === 0) return true;
  let missing = deliveries;
  if (begun) {
    // Then the event store knows of every delivery that may be in the log.
    if (!(await caughtUp(deps, [EVENTS_RECORDER], lease.signal))) return false;
    const ids = deliveries.map(({ delivery_id }) => delivery_id);
    const known = await deps.recorded.known('events', ids, batch.at);
    missing = deliveries.filter(({ delivery_id }) => !known.has(delivery_id));
    const counts = { deliveries: deliveries.length, missing: missing.length };
    deps.logger.info({ event: 'replay.batch_resolved', replay_id: work.id, ...counts });
  } else if (!(await deps.replayLeases.begin(work.id, lease.owner, batch))) return false;
  // A batch that is made again may be larger than it was: what has come to an end since then belongs to it, too.
  for (let at = 0; at < missing.length; at += APPENDED_AT_ONCE) {
    // From here on the deliveries may be in the log: somebody else may take over, but only once the lease is over.
    if (!lease.holds()) return false;
    const slice = missing.slice(at, at + APPENDED_AT_ONCE);
    await deps.log.append(slice.map((delivery) => ({ topic: DELIVERIES, ...encodeDelivery(delivery) })));
  }
  return true;
}

/** False when the lease is somebody else's. */
async function commit(
  work: ReplayWork,
  batch: ReplayBatch,
  made: { deliveries: readonly Delivery[]; failed: number; pace: Pace; lease: Lease; deps: ReplayDeps },
): Promise<boolean> {
  const { deliveries, failed, pace, lease, deps } = made;
  const done = deliveries.length;
  pace.went(done);
  // Sent elsewhere, a dead letter stays as open as it was.
  const closes = work.filter.source === 'dead_letters' && work.target_url === null;
  const committed = await deps.replayLeases.commit(work.id, lease.owner, {
    cursor: batch.end,
    done,
    failed,
    observed_rate: pace.observed(),
    dead_letters: closes ? deliveries.map(({ replay_of }) => replay_of ?? '') : [],
  });
  if (committed) {
    deps.metrics.replayItems.inc({ result: 'done' }, done);
    deps.metrics.replayItems.inc({ result: 'failed' }, failed);
  }
  return committed;
}
