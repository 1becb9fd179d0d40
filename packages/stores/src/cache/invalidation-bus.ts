/** Carries "this subscription changed" to every process that caches subscriptions, the sender included. */
export interface InvalidationBus {
  /** Best effort, never rejects: what a process misses it finds out when its cached entry's time to live ends. */
  publish(subscriptionId: string, tenantId: string): Promise<void>;
  /** Returns a function that ends the subscription. */
  subscribe(listener: (subscriptionId: string, tenantId: string) => void): () => void;
}

/** For services that share one process: every listener has been called when `publish` returns. */
export function createLocalInvalidationBus(): InvalidationBus {
  const listeners = new Set<(subscriptionId: string, tenantId: string) => void>();
  return {
    publish: (subscriptionId, tenantId) => {
      for (const listener of listeners) listener(subscriptionId, tenantId);
      return Promise.resolve();
    },
    subscribe: (listener) => {
      // Wrapped, so that the same function given twice is two subscriptions.
      const own: typeof listener = (subscriptionId, tenantId) => {
        listener(subscriptionId, tenantId);
      };
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}
