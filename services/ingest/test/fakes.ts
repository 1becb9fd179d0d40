import { newId, type LiveSubscription, type Subscription } from '@milena/domain';
import { LogUnavailableError, type LogRecord } from '@milena/log';
import type { Clock } from '@milena/runtime';
import type { IdempotencyClaim, IdempotencyStore, SubscriptionDirectory } from '@milena/stores';
import { StoreUnavailableError } from '@milena/stores';

/** A subscription that takes everything, but for what is given. */
export function live(
  over: Partial<Subscription> = {},
  secrets: LiveSubscription['secrets'] = [],
): LiveSubscription {
  const now = Date.UTC(2026, 0, 1);
  const at = new Date(now).toISOString();
  return {
    subscription: {
      id: newId(now),
      target_url: 'https://example.com/hooks',
      tenant_id: 'default',
      event_types: [],
      description: null,
      enabled: true,
      paused: false,
      headers: {},
      timeout_ms: null,
      max_in_flight: null,
      rate_limit_per_s: null,
      ingest_limit_per_s: null,
      retry_delays: null,
      metadata: {},
      disabled_reason: null,
      has_secret: secrets === null || secrets.length > 0,
      health: 'healthy',
      failing_since: null,
      version: 1,
      created_at: at,
      updated_at: at,
      ...over,
    },
    secrets,
    cancelled: new Set(),
  };
}

/** Keeps what was appended. `hold` makes appends wait, `fail` makes them reject. */
export function createFakeLog() {
  const appends: LogRecord[][] = [];
  let gate: Promise<void> = Promise.resolve();
  let failing = false;
  let started = 0;
  let failFrom = Infinity;
  return {
    appends,
    /** Appends begun so far. */
    started: () => started,
    records: () => appends.flat(),
    /** Appends wait until the function returned is called. */
    hold: (): (() => void) => {
      const { promise, resolve } = withResolvers();
      gate = promise;
      return resolve;
    },
    fail: (yes: boolean): void => {
      failing = yes;
    },
    /** Takes this many more appends and fails from then on. */
    failAfter: (appendsLeft: number): void => {
      failFrom = started + appendsLeft;
    },
    append: async (records: readonly LogRecord[]): Promise<void> => {
      started += 1;
      await gate;
      if (failing || started > failFrom) throw new LogUnavailableError('the log is down');
      appends.push([...records]);
    },
    ping: () => (failing ? Promise.reject(new LogUnavailableError('the log is down')) : Promise.resolve()),
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** A directory over a list that a test may change. */
export function createFakeDirectory(subscriptions: LiveSubscription[]) {
  let down = false;
  const check = (): void => {
    if (down) throw new StoreUnavailableError('the directory is down');
  };
  const directory: Pick<SubscriptionDirectory, 'get' | 'ofTenant'> = {
    get: async (id) => {
      check();
      return Promise.resolve(subscriptions.find((s) => s.subscription.id === id) ?? null);
    },
    ofTenant: async (tenantId) => {
      check();
      return Promise.resolve(
        subscriptions.filter((s) => s.subscription.tenant_id === tenantId && s.subscription.enabled),
      );
    },
  };
  return {
    ...directory,
    fail: (yes: boolean): void => {
      down = yes;
    },
  };
}

interface Row {
  request_hash: string;
  seed_id: string;
  /** null = given up. */
  claimed_at: number | null;
  answer: unknown;
}

const HOLD_MS = 10_000;

/** The store's promise in memory: one holder at a time, dead ones replaced after ten seconds under the same seed. */
export function createFakeIdempotency(clock: Clock) {
  const rows = new Map<string, Row>();
  let down = false;
  const calls: number[] = [];

  function claimOne(claim: IdempotencyClaim) {
    const name = `${claim.scope}|${claim.key}`;
    const row = rows.get(name);
    if (!row) {
      const seed_id = newId(clock.now());
      rows.set(name, {
        request_hash: claim.request_hash,
        seed_id,
        claimed_at: clock.now(),
        answer: undefined,
      });
      return { kind: 'mine' as const, seed_id, again: false };
    }
    if (row.request_hash !== claim.request_hash && row.claimed_at !== null)
      return { kind: 'conflict' as const };
    if (row.answer !== undefined) return { kind: 'replayed' as const, answer: row.answer };
    if (row.claimed_at !== null && clock.now() - row.claimed_at < HOLD_MS) return { kind: 'busy' as const };
    row.claimed_at = clock.now();
    const again = row.request_hash === claim.request_hash;
    if (!again) Object.assign(row, { request_hash: claim.request_hash, seed_id: newId(clock.now()) });
    return { kind: 'mine' as const, seed_id: row.seed_id, again };
  }

  const store = {
    claim: async (claims: readonly IdempotencyClaim[]) => {
      await Promise.resolve();
      if (down) throw new StoreUnavailableError('the store is down');
      calls.push(claims.length);
      return claims.map(claimOne);
    },
    complete: async (done: readonly { scope: string; key: string; answer: unknown }[]) => {
      await Promise.resolve();
      if (down) throw new StoreUnavailableError('the store is down');
      for (const { scope, key, answer } of done) {
        const row = rows.get(`${scope}|${key}`);
        if (row) row.answer = JSON.parse(JSON.stringify(answer));
      }
    },
    release: async (claims: readonly { scope: string; key: string }[]) => {
      await Promise.resolve();
      for (const { scope, key } of claims) {
        const row = rows.get(`${scope}|${key}`);
        if (row) row.claimed_at = null;
      }
    },
  };
  return {
    ...(store as unknown as Pick<IdempotencyStore, 'claim' | 'complete' | 'release'>),
    /** Claims in each round trip. */
    calls,
    rows,
    fail: (yes: boolean): void => {
      down = yes;
    },
  };
}
export type FakeIdempotency = ReturnType<typeof createFakeIdempotency>;
