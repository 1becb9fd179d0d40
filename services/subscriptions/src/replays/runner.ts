import { newId } from '@milena/domain';
import { LogUnavailableError } from '@milena/log';
import { createRounds, type CancelTimer, type Rounds } from '@milena/runtime';
import { StoreUnavailableError, type ReplayEnding, type ReplayWork } from '@milena/stores';
import { pause } from '../pause.ts';
import { runReplay, type ReplayDeps } from './run-replay.ts';

/** A job whose process died goes on elsewhere after this time. */
const LEASE_MS = 15_000;
const RENEW_MS = 4000;
/** An append may still be under way when the lease is almost over; none begins in this time before its end. */
const LEASE_MARGIN_MS = 5000;
const LOOK_MS = 1000;
const JOBS_AT_ONCE = 4;
/** After a failure the job rests, which is also time for an append whose answer was lost to arrive. */
const FAILED_MS = 5000;
/** A mistake of ours is not mended by repeating it for ever. Being away is no mistake. */
const MISTAKES = 3;

/** Carries on replay jobs; any number of processes may, each job is with one of them at a time. */
export function createReplayRunner(deps: ReplayDeps): Rounds {
  const { replayLeases, clock, logger, metrics } = deps;
  const owner = newId(clock.now());
  const jobs = new Set<Promise<void>>();
  const judge = createJudge();

  const looks = createRounds(clock, async (stopping) => {
    try {
      while (jobs.size < JOBS_AT_ONCE && !stopping.aborted) {
        const work = await replayLeases.claim(owner, LEASE_MS);
        if (work === null) break;
        const job = carryOn(work, { ...deps, owner, judge, stopping }).finally(() => {
          jobs.delete(job);
          metrics.replaysRunning.set(jobs.size);
        });
        jobs.add(job);
        metrics.replaysRunning.set(jobs.size);
      }
    } catch (error) {
      logger.error({ event: 'replay.not_claimed', err: error });
    }
    return LOOK_MS;
  });

  return {
    start: looks.start,
    /** Waits for the batches under way and gives the jobs back. */
    stop: async () => {
      await looks.stop();
      await Promise.all(jobs);
    },
  };
}

type Judge = (work: ReplayWork, error: unknown) => ReplayEnding | null;

/** What becomes of a job that was interrupted: it is given back, or, after three mistakes at the same place, failed. */
function createJudge(): Judge {
  const mistakes = new Map<string, { at: string; count: number }>();
  return ({ id, cursor }, error) => {
    if (error instanceof StoreUnavailableError || error instanceof LogUnavailableError) return null;
    const at = cursor?.id ?? '';
    const before = mistakes.get(id);
    const count = before?.at === at ? before.count + 1 : 1;
    mistakes.set(id, { at, count });
    if (count < MISTAKES) return null;
    mistakes.delete(id);
    return { state: 'failed', error: error instanceof Error ? error.message : String(error) };
  };
}

/** Carries one job on until it ends, is taken away, or something fails; then gives it back. Never rejects. */
async function carryOn(
  work: ReplayWork,
  deps: ReplayDeps & { owner: string; judge: Judge; stopping: AbortSignal },
): Promise<void> {
  const { replayLeases, clock, logger, owner } = deps;
  const { id } = work;
  const lease = keepLease(deps, id, owner, deps.stopping);
  logger.info({ event: 'replay.running', replay_id: id, done: work.done, total: work.total });
  const ending = await runReplay(work, { ...lease, owner }, deps).catch(async (error: unknown) => {
    logger.error({ event: 'replay.interrupted', replay_id: id, err: error });
    // Also when the job was paused meanwhile: whoever resumes it must not look too early.
    await pause(clock, FAILED_MS, deps.stopping);
    return deps.judge(work, error);
  });
  try {
    const ours = await replayLeases.release(id, owner, ending);
    logger.info({ event: 'replay.released', replay_id: id, ours, state: ending?.state ?? null });
  } catch (error) {
    // Then the lease runs out.
    logger.warn({ event: 'replay.not_released', replay_id: id, err: error });
  }
  lease.end();
}

/** Renews a lease until `end`. A store that is away is no reason to stop, as long as the lease has not run out. */
function keepLease(deps: ReplayDeps, id: string, owner: string, stopping: AbortSignal) {
  const { replayLeases, clock } = deps;
  const lost = new AbortController();
  let until = clock.now() + LEASE_MS;
  let cancelTimer: CancelTimer = clock.after(RENEW_MS, renew);
  let ended = false;

  function renew(): void {
    const askedAt = clock.now();
    replayLeases
      .renew(id, owner, LEASE_MS)
      .then((ours) => {
        if (ours) until = askedAt + LEASE_MS;
        else lost.abort();
      })
      .catch(() => undefined)
      .finally(() => {
        if (clock.now() >= until) lost.abort();
        if (!ended && !lost.signal.aborted) cancelTimer = clock.after(RENEW_MS, renew);
      });
  }

  return {
    signal: AbortSignal.any([lost.signal, stopping]),
    holds: () => clock.now() < until - LEASE_MARGIN_MS,
    end: () => {
      ended = true;
      cancelTimer();
    },
  };
}
