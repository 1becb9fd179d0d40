import { createRounds, type Rounds } from '@milena/runtime';
import type { SubscriptionsDeps } from './deps.ts';

/** Some milliseconds of Postgres and of this process; requests go in between. */
const BATCH = 100;
/** After a failure. */
const AGAIN_AFTER_MS = 60_000;

/**
 * After a change of SECRETS_KEY: seals what still lies under a key before it anew, once, in the background. Several
 * processes may do this at once; a stop leaves the rest to the next start.
 */
export function createReseal(deps: Pick<SubscriptionsDeps, 'secrets' | 'clock' | 'logger'>): Rounds {
  const { secrets, clock, logger } = deps;
  let after: string | null = null;
  const total = { resealed: 0, unreadable: 0 };

  return createRounds(clock, async (stopping) => {
    try {
      do {
        const batch = await secrets.resealBatch(after, BATCH);
        total.resealed += batch.resealed;
        total.unreadable += batch.unreadable;
        after = batch.last;
      } while (after !== null && !stopping.aborted);
    } catch (error) {
      logger.warn({ event: 'secrets.reseal_failed', ...total, next_try_ms: AGAIN_AFTER_MS, err: error });
      return AGAIN_AFTER_MS;
    }
    if (after !== null) return null;
    // Those that can't be read were sealed under a key that is neither SECRETS_KEY nor SECRETS_KEY_PREVIOUS.
    logger[total.unreadable > 0 ? 'error' : 'info']({ event: 'secrets.resealed', ...total });
    return null;
  });
}
