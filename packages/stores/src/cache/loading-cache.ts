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
  /** What is cached and what will be is fresh for this long at most, until `renewAll`. */
  shorten(ttlMs: number): void;
  /** Nothing that is cached or being loaded is given again before it was renewed, unless the store is away. */
  renewAll(): void;
  /** Resolves when no load is under way any more. */
  close(): Promise<void>;
}

interface Entry<Value> {
  /** Resolved; kept as a promise so that a hit allocates nothing. */
  value: Promise<Value>;
  freshUntil: number;
  /** Until then it is given at once and renewed in the background; after that, only if the store is away. */
  givenUntil: number;
  keep: boolean;
}

/** Between attempts to renew one entry while the store is away. */
const RETRY_MS = 1000;

/** An LRU over `load`: one load per key at a time, and what is cached is better than an error. */
export function createLoadingCache<Value>(deps: {
  load(key: string): Promise<Value>;
  /** How long a value is fresh at most, and whether it may be given for as long again when it no longer is. */
  policy(value: Value): { ttlMs: number; keep: boolean };
  clock: Clock;
  max: number;
  onLookup?: (lookup: Lookup) => void;
  /** 0 to 1: what is drawn takes up to a half from the time for which a value is fresh. Nothing, unless told. */
  random?: () => number;
}): LoadingCache<Value> {
  const { clock, onLookup, random = () => 0 } = deps;
  const entries = new LRUCache<string, Entry<Value>>({ max: deps.max });
  let longestTtlMs = Infinity;
  const timesFor = (ttlMs: number) => timesOf(clock.now(), ttlMs, 1 - random() / 2);
  const loads = createSingleFlight<Value>((key) => deps.load(key), {
    loaded: (key, value) => {
      const { ttlMs, keep } = deps.policy(value);
      entries.set(key, { value: Promise.resolve(value), keep, ...timesFor(Math.min(ttlMs, longestTtlMs)) });
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
      if (now >= entry.givenUntil) return renewed;
      // In the background; an error of ours shows when the entry is too old to be given.
      renewed.catch(() => undefined);
      return entry.value;
    },
    forget: (key) => {
      entries.delete(key);
      loads.abandon(key);
    },
    shorten: (ttlMs) => {
      longestTtlMs = ttlMs;
      capTimes(entries, () => timesFor(ttlMs));
    },
    renewAll: () => {
      longestTtlMs = Infinity;
      loads.abandonAll();
      capTimes(entries, () => timesFor(0));
    },
    close: async () => {
      entries.clear();
      await loads.close();
    },
  };
}

type Times = Pick<Entry<unknown>, 'freshUntil' | 'givenUntil'>;

/** @param share after which a value is renewed: what was loaded together is not to be renewed together, again and again */
function timesOf(now: number, ttlMs: number, share: number): Times {
  return { freshUntil: now + share * ttlMs, givenUntil: now + 2 * ttlMs };
}

/** Some 1 ms for 10,000 entries, once per outage. */
function capTimes(entries: { values(): Iterable<Times> }, capOf: () => Times): void {
  for (const entry of entries.values()) {
    const cap = capOf();
    entry.freshUntil = Math.min(entry.freshUntil, cap.freshUntil);
    entry.givenUntil = Math.min(entry.givenUntil, cap.givenUntil);
  }
}
