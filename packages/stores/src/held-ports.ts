import type { Delivery } from '@milena/domain';

/** A delivery kept while its subscription is paused. */
export interface HeldDelivery {
  delivery: Delivery;
  /** ms since the epoch. */
  held_at: number;
}

export interface HeldSummary {
  count: number;
  /** When the oldest of them was accepted, ms since the epoch; null when there are none. */
  oldest_at: number | null;
}

/** Deliveries of paused subscriptions, in Postgres. */
export interface HeldStore {
  /**
   * Idempotent: a hold that comes again changes nothing, also when it was released meanwhile; a later hold of a delivery
   * that was released holds it again.
   */
  insert(rows: readonly HeldDelivery[]): Promise<void>;
  /** What these subscriptions hold; one without anything is missing. */
  summaries(subscriptionIds: readonly string[]): Promise<Map<string, HeldSummary>>;
  /** Ends one without a release; false when it isn't held. */
  drop(deliveryId: string): Promise<boolean>;
}

/** A subscription that holds deliveries which need not be held any longer. */
export interface DueRelease {
  subscription_id: string;
  /** `cancel`: the subscription is gone or disabled. */
  what: 'release' | 'cancel';
  /** Deliveries a second; null = nobody asked for a rate. */
  rate_per_s: number | null;
  /** The subscription's own limit. */
  rate_limit_per_s: number | null;
}

/** Held deliveries on their way out. */
export interface ReleaseStore {
  /** How fast a subscription's deliveries are released, and from when on (ms since the epoch). */
  setRate(
    subscription: { id: string; tenant_id: string },
    ratePerS: number,
    notBefore: number,
  ): Promise<void>;
  /** Up to a hundred subscriptions with something to do now. */
  due(): Promise<DueRelease[]>;
  /**
   * Gives the oldest held deliveries of a subscription to `work` and marks them released once it resolves; when it
   * rejects, or this process dies, they stay held, and come with `may_repeat` the next time. One taker per subscription at
   * a time: another one gets nothing, as does one before the time that the last take set. Resolves to how many were
   * released.
   */
  take(take: ReleaseTake, work: (held: readonly HeldDelivery[]) => Promise<void>): Promise<number>;
  /** What all subscriptions hold together. */
  totals(): Promise<HeldSummary>;
  /** Forgets what was released before this time (ms since the epoch). */
  prune(olderThan: number): Promise<number>;
}

export interface ReleaseTake {
  subscription_id: string;
  limit: number;
  /** Of payload; a single larger delivery still goes. */
  max_bytes: number;
  /** How fast: sets when the next take may be. null = as fast as can be. */
  rate_per_s: number | null;
}
