import type { DeliveryStatus } from '@milena/domain';

/** How the evidence about a delivery can fail to add up. */
export const LEDGER_KINDS = [
  /** Something happened to it, and its event is not recorded. */
  'event_missing',
  /** Its attempts have a gap, or it is a dead letter and what made it one is not recorded. */
  'attempt_missing',
  /** It is held, and the history does not say so. */
  'disposition_missing',
  /** It was given up, and there is no dead letter. */
  'dead_letter_missing',
  /** The history says that it is held, and nobody holds it. */
  'held_missing',
  /** It has no end, and nothing of it is in motion any more. */
  'end_missing',
  /** It came to two ends that exclude each other. */
  'ended_twice',
] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/** Deliveries accepted from `since` on and before `until`, as they stood at `as_of`. All in ms since the epoch. */
export interface LedgerScope {
  tenant_id?: string;
  subscription_id?: string;
  since: number;
  until: number;
  /** What happened later does not count. The stores must know everything from before. */
  as_of: number;
}

/** What the log tells: whether a delivery without an end may still be on its way. Durations in ms. */
export interface Motion {
  /** Of each delivery topic. A delivery is in the one that follows from its subscription's id (murmur2, as in Kafka). */
  partitions: number;
  /** Partitions in which nothing waits: what has no end there never will. */
  idle: readonly number[];
  /** Partitions that are busy and whose first attempts are up to date. */
  flowing: readonly number[];
  /** In one that flows, news of a delivery comes at most so long after it is due. */
  patience_ms: number;
  /** A delivery put off is due at the latest so long after it was. */
  max_age_ms: number;
  /** Anywhere, news of a delivery comes at most so long after the last. */
  longest_ms: number;
}

export interface LedgerQuestion extends LedgerScope {
  motion: Motion;
  /** Discrepancies to name; the counts are of all. */
  limit: number;
}

export interface Discrepancy {
  delivery_id: string;
  event_id: string;
  subscription_id: string;
  kind: LedgerKind;
  /** One sentence. */
  detail: string;
}

/** Deliveries by what proves where each is. Each term is counted from the rows that prove it, not from the others. */
export interface Ledger {
  /** Those with an event. */
  accepted: number;
  delivered: number;
  filtered: number;
  /** Dead letters that count nowhere else. */
  dead_lettered: number;
  expired: number;
  cancelled: number;
  queued: number;
  retrying: number;
  /** Held in Postgres. */
  held: number;
  /** How many of each kind. */
  found: Record<LedgerKind, number>;
  discrepancies: Discrepancy[];
}

export interface LedgerReader {
  /** @throws StoreUnavailableError, also when the stores take too long */
  read(question: LedgerQuestion): Promise<Ledger>;
}

/** A set of deliveries without naming them: equal sets have equal tallies, others but for a chance of 2^-48 do not. */
export interface Tally {
  count: number;
  /** Exclusive or of the last 48 bits of their ids. */
  xor: number;
}

/** What both stores know of: deliveries given up, and those held. */
export type LedgerSet = 'dead_letters' | 'held';

/** Part of the deliveries: those whose ids agree in twelve random bits. */
export interface LedgerBucket {
  bucket: number;
  counts: Record<'accepted' | 'delivered' | 'filtered' | 'expired' | 'cancelled', number> &
    Record<'failed' | 'queued' | 'retrying', number>;
  sets: Record<LedgerSet, Tally>;
  /** What the history alone shows to be wrong. */
  found: Record<HistoryKind, number>;
}
export type HistoryKind = 'event_missing' | 'attempt_missing' | 'end_missing' | 'ended_twice';

/** A delivery as the history has it. */
export interface LedgerRow {
  delivery_id: string;
  event_id: string;
  subscription_id: string;
  /** As it stood. */
  status: DeliveryStatus;
  /** What the history alone shows to be wrong. */
  found: HistoryKind | null;
  /** Its event is recorded. */
  event: boolean;
  /** By all that is recorded, also from later: it was given up; it came to an end; something happened since. */
  given_up: boolean;
  ended: boolean;
  fresh: boolean;
  /** Numbers of the recorded attempts: bit n - 1 for attempt n. */
  attempts: number;
  /** When the last that is recorded of it happened, ms since the epoch. */
  last_at: number;
}

export type LedgerChoice =
  | { set: LedgerSet; buckets: readonly number[] }
  | { ids: readonly string[] }
  /** Those with something wrong, the latest first. */
  | { found: true; except: readonly string[]; limit: number };

/** The event store's part. */
export interface LedgerHistory {
  /** How many events there are about. */
  size(scope: LedgerScope): Promise<number>;
  count(scope: LedgerScope, motion: Motion): Promise<LedgerBucket[]>;
  list(scope: LedgerScope, motion: Motion, choice: LedgerChoice): Promise<LedgerRow[]>;
}

export interface KeptRow {
  delivery_id: string;
  event_id: string;
  subscription_id: string;
}

/** The relational store's part. */
export interface LedgerKept {
  /** By bucket; one without any is missing. */
  count(scope: LedgerScope, set: LedgerSet): Promise<Map<number, Tally>>;
  list(scope: LedgerScope, set: LedgerSet, buckets: readonly number[]): Promise<KeptRow[]>;
  /** Of these, the ones that are in the set now, or changed after `as_of`. */
  known(scope: LedgerScope, set: LedgerSet, ids: readonly string[]): Promise<Set<string>>;
}
