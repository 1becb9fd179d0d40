import type { LiveSubscription } from '@milena/domain';
import type { Logger } from '@milena/runtime';
import type { SubscriptionDirectory } from '@milena/stores';
import type { Outage } from './outage.ts';
import type { Tenure } from './tenure.ts';

export interface SubscriptionLookup {
  /**
   * The subscription as it is now, null when it was deleted. While the directory is away nothing is known and so
   * nothing decided: waits until it is back; `handed_back` when the record stopped being ours or we stop meanwhile.
   */
  find(id: string, tenure: Tenure): Promise<LiveSubscription | null | 'handed_back'>;
  /** Looks again; while the directory is away what was known a moment ago still stands. */
  refresh(known: LiveSubscription): Promise<LiveSubscription | null>;
  /** Lets go of every record that waits. */
  stop(): void;
}

export function createSubscriptionLookup(
  directory: Pick<SubscriptionDirectory, 'get'>,
  outage: Outage,
  logger: Logger,
): SubscriptionLookup {
  let stopped = false;
  const unreadable = new Set<string>();
  /** Told once: its deliveries come back every minute. */
  const tell = (id: string, live: LiveSubscription | null): void => {
    if (live?.secrets !== null) unreadable.delete(id);
    else if (!unreadable.has(id)) {
      unreadable.add(id);
      logger.error({ event: 'delivery.secret_unreadable', subscription_id: id });
    }
  };
  return {
    find: async (id, tenure) => {
      for (let tries = 0; ; tries += 1) {
        if (stopped || tenure.ended) return 'handed_back';
        try {
          const live = await directory.get(id);
          // Hits keep coming from the cache during an outage: only one that had failed proves that it is over.
          if (tries > 0) outage.over();
          tell(id, live);
          return live;
        } catch (error) {
          await outage.failed(error);
        }
      }
    },
    refresh: async (known) => {
      try {
        return await directory.get(known.subscription.id);
      } catch {
        return known;
      }
    },
    stop: () => {
      stopped = true;
      outage.release();
    },
  };
}
