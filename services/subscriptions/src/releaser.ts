import { encodeDelivery } from '@milena/domain';
import { DELIVERIES, LogUnavailableError, type LogRecord } from '@milena/log';
import { createRounds, type Rounds } from '@milena/runtime';
import { StoreUnavailableError, type DueRelease, type HeldDelivery } from '@milena/stores';
import type { SubscriptionsDeps } from './deps.ts';
import { dispositionRecord } from './disposition-record.ts';
import { DEFAULT_RELEASE_RATE } from './release-rate.ts';

/** Between two looks while something is being released, otherwise, and after a failure. */
const BUSY_MS = 50;
const IDLE_MS = 1000;
const FAILED_MS = 2000;
/** A release counts as going on for this long after its last step: at slow rates nothing is due in between. */
const STAYS_BUSY_MS = 2000;
/** A step is what the rate allows in this time, within bounds: a crash repeats one step at most, and marks it. */
const STEP_MS = 200;
const LARGEST_STEP = 500;
const STEP_BYTES = 4 * 1024 * 1024;
const MEASURE_MS = 15_000;

type ReleaserDeps = Pick<SubscriptionsDeps, 'releases' | 'log' | 'clock' | 'logger' | 'metrics'>;

/**
 * Gives held deliveries back to the log, oldest first, once their subscription is not paused any more; those of a
 * subscription that is gone or disabled end as cancelled. Any number of processes may do this at once. What is left to do
 * is always read from the store, so a crash needs no clean-up, and what was held late (by a worker that had not heard of
 * the resume) is found as well.
 */
export function createReleaser(deps: ReleaserDeps): Rounds {
  const { releases, clock, logger } = deps;
  let busyUntil = 0;
  /** Subscriptions whose last step failed, and until when they are left alone. */
  const resting = new Map<string, number>();

  async function turn(due: DueRelease): Promise<void> {
    const { subscription_id } = due;
    if ((resting.get(subscription_id) ?? 0) > clock.now()) return;
    try {
      if ((await step(deps, due)) > 0) busyUntil = clock.now() + STAYS_BUSY_MS;
      resting.delete(subscription_id);
    } catch (error) {
      if (error instanceof StoreUnavailableError || error instanceof LogUnavailableError) throw error;
      // Of this one, it seems: the others do not wait for it.
      logger.error({ event: 'release.failed', subscription_id, err: error });
      resting.set(subscription_id, clock.now() + FAILED_MS);
    }
  }

  return createRounds(clock, async (stopping) => {
    try {
      for (const due of await releases.due()) {
        if (stopping.aborted) return null;
        await turn(due);
      }
      return clock.now() < busyUntil ? BUSY_MS : IDLE_MS;
    } catch (error) {
      logger.error({ event: 'release.failed', err: error });
      return FAILED_MS;
    }
  });
}

/** Shows how much is held. Counting millions may take as long as a statement may; no release waits for it. */
export function createHeldCount({ releases, clock, logger, metrics }: ReleaserDeps): Rounds {
  return createRounds(clock, async () => {
    try {
      const { count, oldest_at } = await releases.totals();
      metrics.heldDeliveries.set(count);
      metrics.heldOldest.set(oldest_at === null ? 0 : Math.max(0, clock.now() - oldest_at) / 1000);
    } catch (error) {
      logger.warn({ event: 'held.not_counted', err: error });
    }
    return MEASURE_MS;
  });
}

/** One batch of one subscription; resolves to how many deliveries that were. */
async function step(deps: ReleaserDeps, due: DueRelease): Promise<number> {
  const { releases, log, clock, logger, metrics } = deps;
  const { subscription_id, what } = due;
  const wanted = Math.min(due.rate_per_s ?? DEFAULT_RELEASE_RATE, due.rate_limit_per_s ?? Infinity);
  const rate = what === 'cancel' ? null : wanted;
  const share = rate === null ? LARGEST_STEP : Math.ceil((rate * STEP_MS) / 1000);
  const limit = Math.min(Math.max(1, share), LARGEST_STEP);
  const take = { subscription_id, limit, max_bytes: STEP_BYTES, rate_per_s: rate };
  const count = await releases.take(take, (held) =>
    log.append(what === 'cancel' ? cancelled(held, clock.now()) : released(held, clock.now())),
  );
  if (count === 0) return 0;
  metrics.dispositions.inc({ what: what === 'cancel' ? 'cancelled' : 'resumed' }, count);
  logger.info({
    event: what === 'cancel' ? 'held.cancelled' : 'held.released',
    subscription_id,
    deliveries: count,
  });
  return count;
}

function released(held: readonly HeldDelivery[], now: number): LogRecord[] {
  return held.flatMap(({ delivery, held_at }) => [
    // Later than the release before, whoever's clock that went by: what is held again is told from a repeat by it.
    {
      topic: DELIVERIES,
      ...encodeDelivery({ ...delivery, resumed_at: Math.max(now, (delivery.resumed_at ?? 0) + 1) }),
    },
    // Nor earlier than that it was held, or it would seem to be still.
    dispositionRecord(
      delivery,
      'resumed',
      'the pause of the subscription is over',
      Math.max(now, held_at + 1),
    ),
  ]);
}

function cancelled(held: readonly HeldDelivery[], now: number): LogRecord[] {
  const why = 'the subscription was deleted or disabled while it was paused';
  return held.map(({ delivery }) => dispositionRecord(delivery, 'cancelled', why, now));
}
