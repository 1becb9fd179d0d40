import type {
  Attempt,
  AttemptView,
  Disposition,
  EventRow,
  LiveSubscription,
  Outcome,
  Subscription,
} from '@milena/domain';

export type { HealthSeen, SubscriptionHealthStore } from './health-ports.ts';

/** A page of a list. `next_cursor` is opaque; null means there is no more. */
export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

export interface PageRequest {
  limit: number;
  cursor: string | null;
}

/** A cursor that this store never gave out: the caller answers 400. */
export class BadCursorError extends Error {
  override name = 'BadCursorError';
}

/** The store can't be reached or is overloaded: transient, the caller answers 503 + Retry-After or tries again. */
export class StoreUnavailableError extends Error {
  override name = 'StoreUnavailableError';
}

/** What a caller may set of a subscription; the secret goes through SecretStore. */
export type SubscriptionInput = Pick<
  Subscription,
  | 'target_url'
  | 'tenant_id'
  | 'event_types'
  | 'description'
  | 'enabled'
  | 'paused'
  | 'headers'
  | 'timeout_ms'
  | 'max_in_flight'
  | 'rate_limit_per_s'
  | 'ingest_limit_per_s'
  | 'retry_delays'
  | 'metadata'
>;

/** How a secret changes together with its subscription. `rotate` keeps the current one valid until `old_expires_at` (ms). */
export type SecretChange =
  | { kind: 'keep' }
  | { kind: 'remove' }
  | { kind: 'replace'; secret: string }
  | { kind: 'rotate'; secret: string; old_expires_at: number };

/** `stale`: the version asked for is no longer current (412). */
export type UpdateResult =
  | { kind: 'updated'; subscription: Subscription }
  | { kind: 'missing' }
  | { kind: 'stale'; subscription: Subscription };

/** Subscriptions as the management API needs them. Each write is one transaction. */
export interface SubscriptionStore {
  insert(input: SubscriptionInput, secret: string | null): Promise<Subscription>;
  find(id: string): Promise<Subscription | null>;
  list(filter: { tenant_id?: string }, page: PageRequest): Promise<Page<Subscription>>;
  /**
   * Changes the given fields; `expected_version` null = whatever it is. A re-enabled subscription loses its disabled_reason
   * and failing_since, one with another target counts as healthy, and of one that is resumed the spell of failures begins then.
   */
  update(
    id: string,
    changes: Partial<SubscriptionInput> & { disabled_reason?: string | null },
    secret: SecretChange,
    expected_version: number | null,
  ): Promise<UpdateResult>;
  remove(id: string, expected_version: number | null): Promise<UpdateResult>;
}

/** What ingest and delivery read; behind the cache. */
export interface LiveSubscriptionStore {
  /** With secrets (decrypted) and recent cancellations; null when there is no such subscription. */
  load(id: string): Promise<LiveSubscription | null>;
  /** Ids of the tenant's enabled subscriptions, oldest first. */
  idsOfTenant(tenantId: string): Promise<string[]>;
}

/** Cached view of LiveSubscriptionStore. Serves what it has while the store is away; a miss then throws StoreUnavailableError. */
export interface SubscriptionDirectory {
  get(id: string): Promise<LiveSubscription | null>;
  ofTenant(tenantId: string): Promise<LiveSubscription[]>;
  /** Tells every process that this subscription (and its tenant's list) changed; resolves when the own cache forgot it. */
  invalidate(id: string, tenantId: string): Promise<void>;
  close(): Promise<void>;
}

export interface CancellationStore {
  /** Idempotent. */
  cancel(delivery: { delivery_id: string; subscription_id: string; tenant_id: string }): Promise<void>;
}

/** `scope` is the subscription or the tenant a key belongs to. */
export interface IdempotencyClaim {
  scope: string;
  key: string;
  /** SHA-256 of the request that matters (body and type), hex. */
  request_hash: string;
}

/** What the ids of the work follow from. */
export interface IdempotencySeed {
  /** UUIDv7. */
  seed_id: string;
  /** An earlier holder of this seed may have done the work already. */
  again: boolean;
}

/**
 * `mine`: go on, with these ids, then `complete`. `replayed`: answer this again. `conflict`: the key was used with
 * another body. `busy`: another request holds it right now; ask again.
 */
export type ClaimResult<Answer> =
  | ({ kind: 'mine' } & IdempotencySeed)
  | { kind: 'replayed'; answer: Answer }
  | { kind: 'conflict' }
  | { kind: 'busy' };

/** Keys live 24 hours. */
export interface IdempotencyStore {
  /**
   * Claims many keys in one round trip, one result each, in order. A claim whose holder died is given to the next
   * after ten seconds with the same `seed_id`, from which the holder derives its ids, so a repeat after a crash carries
   * the same ids.
   */
  claim<Answer>(claims: readonly IdempotencyClaim[]): Promise<ClaimResult<Answer>[]>;
  complete(done: readonly { scope: string; key: string; answer: unknown }[]): Promise<void>;
  /** Gives up claims whose work failed, so that the next try may go at once. */
  release(claims: readonly { scope: string; key: string }[]): Promise<void>;
  /** Creates the coming days' partitions and drops expired ones. Run at start and hourly. */
  maintain(): Promise<void>;
}

export const DEAD_LETTER_STATUSES = ['open', 'replayed', 'discarded'] as const;
export type DeadLetterStatus = (typeof DEAD_LETTER_STATUSES)[number];

export interface DeadLetter extends EventRow {
  status: DeadLetterStatus;
  /** Why it ended here, one sentence. */
  reason: string;
  /** Attempts made. */
  attempts: number;
  dead_lettered_at: number;
}

export interface DeadLetterStore {
  /** Idempotent by delivery_id. */
  insert(letters: readonly DeadLetter[]): Promise<void>;
  find(deliveryId: string): Promise<DeadLetter | null>;
  list(
    filter: {
      subscription_id?: string;
      tenant_id?: string;
      status?: DeadLetterStatus;
      since?: number;
      until?: number;
    },
    page: PageRequest,
  ): Promise<Page<Omit<DeadLetter, 'payload'>>>;
  /** How many of these are the tenant's; one that is named twice counts once. */
  countOfTenant(tenantId: string, deliveryIds: readonly string[]): Promise<number>;
  /** false when it was not open. */
  setStatus(deliveryId: string, status: DeadLetterStatus): Promise<boolean>;
  /** Drops letters older than this (ms since the epoch). */
  prune(olderThan: number): Promise<number>;
}

/** One insert, filled row by row. It keeps the bytes that will be sent, not the rows. */
export interface InsertBatch<Row> {
  add(row: Row): void;
  /** Takes out what is not wanted any more, by place in the order of `add`; not once `store` was called. */
  keep(wanted: (place: number) => boolean): void;
  /** How many there are. */
  size(): number;
  /**
   * Resolves when the rows are stored. After a failure it may be called again, and stores what the store does not have
   * of them yet; nothing may be added between.
   */
  store(): Promise<void>;
}

/** Writer side of the event & attempt store: each call begins an insert. */
export interface HistoryWriter {
  events(): InsertBatch<EventRow>;
  attempts(): InsertBatch<Attempt>;
  dispositions(): InsertBatch<Disposition>;
  /** Of the given ids, those already stored; `since` (ms) bounds the search: no row of these is older. */
  known(table: 'events' | 'attempts', ids: readonly string[], since: number): Promise<Set<string>>;
}

export interface AttemptFilter {
  tenant_id?: string;
  subscription_id?: string;
  delivery_id?: string;
  outcome?: Outcome;
  event_type?: string;
  since?: number;
  until?: number;
}

export interface StatsBucket {
  /** Start of the minute, ms since the epoch. */
  at: number;
  success: number;
  failed_attempt: number;
  failure: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface Totals {
  events: number;
  attempts: number;
  success: number;
  failed_attempt: number;
  failure: number;
  filtered: number;
  cancelled: number;
  expired: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface AttemptReader {
  /** Newest first. */
  search(filter: AttemptFilter, page: PageRequest): Promise<Page<AttemptView>>;
  /**
   * Attempts stored after the mark, oldest first, with the mark to go on from; `mark` null = from now on. With a tenant, its
   * alone. The mark of a full batch is its last attempt; any other's is the time up to which was read, and tells of none.
   */
  tail(mark: string | null, limit: number, tenantId?: string): Promise<{ data: AttemptView[]; mark: string }>;
}

export interface StatsReader {
  perMinute(filter: { subscription_id: string; since: number; until: number }): Promise<StatsBucket[]>;
  totals(filter: {
    tenant_id?: string;
    subscription_id?: string;
    since: number;
    until: number;
  }): Promise<Totals>;
  eventTypes(filter: {
    tenant_id?: string;
    since: number;
    limit: number;
  }): Promise<{ event_type: string; events: number; last_seen: number }[]>;
}
