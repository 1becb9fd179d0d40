import type { Answers, ThreadCalls } from '@milena/runtime';

export interface InvalidationListener {
  changed(subscriptionId: string, tenantId: string): void;
  /** From now on changes may be missed. Called in `subscribe` when that is so from the start. */
  channelLost(): void;
  /** From now on no change is missed, but any number may have been before. */
  channelBack(): void;
}

/** Carries "this subscription changed" to every process that caches subscriptions, the sender included. */
export interface InvalidationBus {
  /**
   * Never rejects; the listeners in this process have been called when it resolves. Best effort beyond it: what a
   * process misses it finds out when its cached entry's time to live ends.
   */
  publish(subscriptionId: string, tenantId: string): Promise<void>;
  /** Returns a function that ends the subscription. */
  subscribe(listener: InvalidationListener): () => void;
}

/** For services that share one process: nothing is ever missed. */
export function createLocalInvalidationBus(): InvalidationBus {
  const listeners = new Set<InvalidationListener>();
  return {
    publish: (subscriptionId, tenantId) => {
      for (const listener of listeners) listener.changed(subscriptionId, tenantId);
      return Promise.resolve();
    },
    subscribe: (listener) => {
      // A copy, so that the same listener given twice is two subscriptions.
      const own = { ...listener };
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}

/** The same for services in two threads of one process. `answers` is for the thread at the other end. */
export function createThreadsInvalidationBus(
  calls: () => Pick<ThreadCalls, 'call'>,
): InvalidationBus & { answers: Answers } {
  const local = createLocalInvalidationBus();
  return {
    subscribe: (listener) => local.subscribe(listener),
    publish: async (subscriptionId, tenantId) => {
      await local.publish(subscriptionId, tenantId);
      // Rejects only when the other thread has ended, and with it this process.
      await calls()
        .call('subscription.changed', { subscriptionId, tenantId })
        .catch(() => undefined);
    },
    answers: {
      'subscription.changed': (changed: { subscriptionId: string; tenantId: string }) =>
        local.publish(changed.subscriptionId, changed.tenantId),
    },
  };
}
