import { newId } from '@milena/domain';
import { GROUPS, LogUnavailableError } from '@milena/log';
import { createRounds, type CancelTimer, type Clock, type Rounds } from '@milena/runtime';
import { StoreUnavailableError, type ReplayEnding, type ReplaySource, type ReplayWork } from '@milena/stores';
import { caughtUp, EVENTS_RECORDER } from '../caught-up.ts';
import { pause } from '../pause.ts';
import { runReplay, type ReplayDeps } from './run-replay.ts';

/** A job whose process died goes on elsewhere after this time. */
const LEASE_MS = 15_000;
const RENEW_MS = 4000;
/** An append may still be under way when the lease is almost over; none begins in this time before its end. */
const LEASE_MARGIN_MS = 5000;
const LOOK_MS = 1000;
/** Most of them wait for their next turn, at a slow rate for minutes: such a wait must not keep others from theirs. */
const JOBS_AT_ONCE = 64;
/** So that several processes share what there is. */
const CLAIMS_A_LOOK = 4;
/** Jobs that are at a batch in the same moment, which bounds what is in memory. */
const STEPS_AT_ONCE = 4;
/** One answer to how much live traffic waits serves every job that asks within this time. */
const LAG_MS = 50;
/** After a failure the job rests, which is also time for an append whose answer was lost to arrive. */
const FAILED_MS = 5000;
/** A mistake of ours is not mended by repeating it for ever. Being away is no mistake. */
const MISTAKES = 3;

/** Carries on replay jobs; any number of processes may, each job is with one of them at a time. */
export function createReplayRunner(deps: ReplayDeps): Rounds {
  const { replayLeases, clock, logger, metrics } = deps;
  const owner = newId(clock.now());
  const jobs = new Set<Promise<void>>();
  const shared = { ...deps, log: sharingLag(deps.log, clock), owner, judge: createJudge() };
  const slots = createSlots(STEPS_AT_ONCE);

  const looks = createRounds(clock, async (stopping) => {
    try {
      for (let claimed = 0; claimed < CLAIMS_A_LOOK && jobs.size < JOBS_AT_ONCE; claimed += 1) {
        if (stopping.aborted) break;
        const work = await replayLeases.claim(owner, LEASE_MS);
        if (work === null) break;
        const job = carryOn(work, { ...shared, slots, stopping }).finally(() => {
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
  deps: ReplayDeps & { owner: string; judge: Judge; slots: Slots; stopping: AbortSignal },
): Promise<void> {
  const { replayLeases, clock, logger, owner } = deps;
  const { id } = work;
  const lease = keepLease(deps, id, owner, deps.stopping);
  logger.info({ event: 'replay.running', replay_id: id, done: work.done, total: work.total });
  const ending = await run(work, { ...lease, owner }, deps).catch(async (error: unknown) => {
    if (error instanceof NoSlotError) return null;
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

/**
 * Runs a job in steps: from the reading of a batch to the word that it is done it has a slot, while it waits it has none.
 * @throws NoSlotError when the lease ended while it waited for one; then nothing of the step was begun
 */
async function run(
  work: ReplayWork,
  lease: Omit<Parameters<typeof runReplay>[1], 'rest'>,
  deps: ReplayDeps & { slots: Slots },
): Promise<ReplayEnding | null> {
  const { replaySources, replayLeases, slots } = deps;
  // A batch in doubt waits for the recorder, perhaps for hours. Once it was there it hardly waits again within its step.
  if (work.batch !== null && !(await caughtUp(deps, [EVENTS_RECORDER], lease.signal))) return null;
  let giveBack: (() => void) | null = null;
  const endStep = (): void => {
    giveBack?.();
    giveBack = null;
  };
  const inStep = (source: ReplaySource): ReplaySource => ({
    ...source,
    next: async (...asked) => {
      giveBack ??= await slots.take(lease.signal);
      return source.next(...asked);
    },
  });
  const commit: typeof replayLeases.commit = (...done) => replayLeases.commit(...done).finally(endStep);
  const sources = { dead_letters: inStep(replaySources.dead_letters), events: inStep(replaySources.events) };
  const stepwise = { ...deps, replaySources: sources, replayLeases: { ...replayLeases, commit } };
  return runReplay(work, { ...lease, rest: endStep }, stepwise).finally(endStep);
}

interface Slots {
  /** Resolves to what gives the slot back, to be called once. @throws NoSlotError when the signal comes first */
  take(signal: AbortSignal): Promise<() => void>;
}

class NoSlotError extends Error {}

/** So many are taken at once; whoever asks for more waits, first come, first served. */
function createSlots(count: number): Slots {
  let free = count;
  /** In the order in which they came. */
  const waiting = new Set<() => void>();
  const giveBack = (): void => {
    const [next] = waiting;
    if (next === undefined) free += 1;
    else next();
  };
  return {
    take: (signal) =>
      new Promise((resolve, reject) => {
        function enter(): void {
          waiting.delete(enter);
          signal.removeEventListener('abort', leave);
          resolve(giveBack);
        }
        function leave(): void {
          waiting.delete(enter);
          reject(new NoSlotError('the lease ended before its turn came'));
        }
        if (signal.aborted) leave();
        else if (free > 0) {
          free -= 1;
          resolve(giveBack);
        } else {
          waiting.add(enter);
          signal.addEventListener('abort', leave, { once: true });
        }
      }),
  };
}

/** The log, with one answer to all jobs that ask how much live traffic waits: with Kafka it is two requests. */
function sharingLag(log: ReplayDeps['log'], clock: Clock): ReplayDeps['log'] {
  let asked: { at: number; answer: ReturnType<typeof log.lag> } | null = null;
  return {
    ...log,
    lag: (group, topics) => {
      // Where a group has to come to is another matter for each who asks.
      if (group !== GROUPS.delivery) return log.lag(group, topics);
      const now = clock.now();
      if (asked === null || now - asked.at >= LAG_MS) asked = { at: now, answer: log.lag(group, topics) };
      return asked.answer;
    },
  };
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
