import type { Clock } from '@milena/runtime';
import { LRUCache } from 'lru-cache';
import type { ApiKeyDirectory, ApiKeyStore, StoredApiKey } from '../access-ports.ts';
import { StoreUnavailableError } from '../ports.ts';
import { createLoadingCache } from './loading-cache.ts';

/** Some 500 bytes each. */
const DEFAULT_MAX = 10_000;
/** A key in use is asked for anew this often, and given for as long again meanwhile: a revocation shows within 4 s. */
const TTL_MS = 2000;
/** Spares the store a client that goes on with a key it lost. Nobody holds a key before it is made, so this hides none. */
const ABSENT_MS = 30_000;
const MAX_ABSENT = 1000;
/** With the store away nobody can say whether a key was revoked. So long we go on without knowing. */
const LONGEST_UNCONFIRMED_MS = 3_600_000;

/** What the store said, and when it was asked. */
interface Answer<T> {
  value: T;
  asked_at: number;
}

/**
 * API keys in memory, by hash. A revocation shows after four seconds at most, plus the time that the store takes to
 * answer; in the process that is told to `forget`, at once. While the store is away known keys are good for an hour
 * after it last confirmed them. Hashes that are not known are remembered apart, so a flood of made-up ones drives out no
 * real key.
 */
export function createApiKeyDirectory(deps: {
  store: Pick<ApiKeyStore, 'findByHash' | 'any'>;
  clock: Clock;
  /** Keys held. */
  max?: number;
}): ApiKeyDirectory {
  const { store, clock, max = DEFAULT_MAX } = deps;
  const kept = { policy: () => ({ ttlMs: TTL_MS, keep: true }), clock };
  const ask = async <T>(question: () => Promise<T>): Promise<Answer<T>> => {
    const asked_at = clock.now();
    return { value: await question(), asked_at };
  };
  const keys = createLoadingCache<Answer<StoredApiKey | null>>({
    load: (hash) => ask(() => store.findByHash(Buffer.from(hash, 'base64url'))),
    ...kept,
    max,
  });
  // One entry, under an empty name.
  const whether = createLoadingCache<Answer<boolean>>({
    load: () => ask(() => store.any()),
    ...kept,
    max: 1,
  });

  const absentUntil = new LRUCache<string, number>({ max: MAX_ABSENT });

  function confirmed<T>({ value, asked_at }: Answer<T>): T {
    if (clock.now() - asked_at <= LONGEST_UNCONFIRMED_MS) return value;
    throw new StoreUnavailableError('API keys were not confirmed for an hour');
  }

  return {
    find: async (hash) => {
      const name = hash.toString('base64url');
      if ((absentUntil.get(name) ?? 0) > clock.now()) return null;
      const found = confirmed(await keys.get(name));
      if (found === null) {
        keys.forget(name);
        absentUntil.set(name, clock.now() + ABSENT_MS);
      }
      return found;
    },
    any: async () => confirmed(await whether.get('')),
    forget: (hash) => {
      const name = hash.toString('base64url');
      keys.forget(name);
      absentUntil.delete(name);
      whether.forget('');
    },
    close: async () => {
      await Promise.all([keys.close(), whether.close()]);
    },
  };
}
