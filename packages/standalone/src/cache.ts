import type { ReadyCheck } from '@milena/runtime';
import type { LiveSubscriptionStore } from '@milena/stores';
import { createLocalInvalidationBus, type InvalidationBus } from '@milena/stores/cache';
import type { SecretBox } from '@milena/stores/postgres';
import type { ProcessBase } from './process-plan.ts';

interface Cache {
  live: LiveSubscriptionStore;
  bus: InvalidationBus;
  check?: ReadyCheck['check'];
  close(): Promise<void>;
}

/** Redis between the processes and Postgres, or, without a URL, nothing: then changes are seen once entries expire. */
export function openCache(
  url: string,
  deps: ProcessBase & { live: LiveSubscriptionStore; secretBox: SecretBox },
): Cache {
  if (url !== '') throw new Error('not yet');
  return { live: deps.live, bus: createLocalInvalidationBus(), close: () => Promise.resolve() };
}
