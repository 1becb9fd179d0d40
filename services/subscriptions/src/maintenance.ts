import { createRounds } from '@milena/runtime';
import type { SubscriptionsDeps } from './deps.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A day longer than the log keeps a record of a hold, which could come again. */
const RELEASED_KEPT_MS = 8 * DAY_MS;
/** Attempts name the version they went by; they expire by whole partitions, some hours late. */
const FORMER_KEPT_MS = DAY_MS;
/** Since they ended, or since they were planned when nobody started them: as long as most dead letters are kept. */
const REPLAYS_KEPT_MS = 30 * DAY_MS;
/** After a failure: soon enough that a missing partition of the day to come is made in time. */
const AGAIN_AFTER_MS = 60_000;

/** Keeps the tables that only grow in bounds: once at start, then hourly. */
export function createMaintenance(
  deps: Pick<
    SubscriptionsDeps,
    | 'idempotency'
    | 'deadLetters'
    | 'releases'
    | 'replays'
    | 'formerSubscriptions'
    | 'clock'
    | 'logger'
    | 'config'
  >,
) {
  const { idempotency, deadLetters, releases, replays, formerSubscriptions, clock, logger, config } = deps;
  let lastError: string | null = null;

  const rounds = createRounds(clock, async () => {
    try {
      await idempotency.maintain();
      const dropped = await deadLetters.prune(clock.now() - config.deadLetterRetentionDays * DAY_MS);
      await replays.prune(clock.now() - REPLAYS_KEPT_MS);
      await releases.prune(clock.now() - RELEASED_KEPT_MS);
      await formerSubscriptions.prune(clock.now() - config.retentionHours * HOUR_MS - FORMER_KEPT_MS);
      lastError = null;
      logger.info({ event: 'maintenance.done', dead_letters_dropped: dropped });
      return HOUR_MS;
    } catch (error) {
      lastError = error instanceof Error ? error.message : String(error);
      logger.error({ event: 'maintenance.failed', err: error });
      return AGAIN_AFTER_MS;
    }
  });

  return {
    ...rounds,
    /** Why the last round failed, or null. */
    lastError: () => lastError,
  };
}
