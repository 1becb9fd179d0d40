import { LRUCache } from 'lru-cache';
import type { Clock } from '@milena/runtime';
import { StoreUnavailableError } from '../ports.ts';
import { createSingleFlight } from './single-flight.ts';

/** `stale`: there was an entry, but its time was up. */
type Lookup = 'hit' | 'miss' | 'stale';

interface LoadingCache<Value> {
  /** @throws StoreUnavailableError when the value isn't cached and the store is away */
  get(key: string): Promise<Value>;
  /** A load under way won't be cached either; whoever asks from now on gets a new one. */
  forget(key: string): void;
  /** Resolves when no load is under way any more. */
  close(): Promise<void>;
}

interface Entry<Value> {
  /** Resolved; kept as a promise so that a hit allocates nothing. */
  value: Promise<Value>;
  ttlMs: number;
  /** For one more `ttlMs` it is given at once and renewed in the background; after that, only if the store is away. */
  freshUntil: number;
  keep: boolean;
}

/** Between attempts to renew one entry while the store is away. */
const RETRY_MS = 1000;

/** An LRU over `load`: one load per key at a time, and what is cached is better than an error. */
export function createLoadingCache<Value>(deps: {
  load(key: string): Promise<Value>;
  /** How long a value is fresh, and whether it may be given when it no longer is. */
  policy(value: Value): { ttlMs: number; keep: boolean };
  clock: Clock;
  max: number;
  onLookup?: (lookup: Lookup) => void;
}): LoadingCache<Value> {
  const { clock, onLookup } = deps;
  const entries = new LRUCache<string, Entry<Value>>({ max: deps.max });
  const loads = createSingleFlight<Value>((key) => deps.load(key), {
    loaded: (key, value) => {
      const { ttlMs, keep } = deps.policy(value);
      entries.set(key, { value: Promise.resolve(value), ttlMs, freshUntil: clock.now() + ttlMs, keep });
    },
    failed: (key, error) => {
      const entry = entries.peek(key);
      if (entry?.keep && error instanceof StoreUnavailableError) entry.freshUntil = clock.now() + RETRY_MS;
    },
  });

  return {
    get: (key) => {
      const now = clock.now();
      const entry = entries.get(key);
      if (entry !== undefined && now < entry.freshUntil) {
        onLookup?.('hit');
        return entry.value;
      }
      onLookup?.(entry === undefined ? 'miss' : 'stale');
      const load = loads.load(key);
      if (!entry?.keep) return load;
      const renewed = load.catch((error: unknown) => {
        if (error instanceof StoreUnavailableError) return entry.value;
        throw error;
      });
      if (now >= entry.freshUntil + entry.ttlMs) return renewed;
      // In the background; an error of ours shows when the entry is too old to be given.
      renewed.catch(() => undefined);
      return entry.value;
    },
    forget: (key) => {
      entries.delete(key);
      loads.abandon(key);
    },
    close: async () => {
      entries.clear();
      await loads.close();
    },
  };
}
