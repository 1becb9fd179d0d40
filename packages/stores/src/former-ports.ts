/** What requests to a subscription's endpoint were made of. Values of headers that hold credentials are not in it. */
export interface SentWith {
  tenant_id: string;
  target_url: string;
  headers: Record<string, string>;
  has_secret: boolean;
}

/** Subscriptions as they were. Written together with each change. */
export interface FormerSubscriptions {
  /** By version; one that is not known any more is missing. */
  at(subscriptionId: string, versions: readonly number[]): Promise<Map<number, SentWith>>;
  /** Forgets what was replaced before this time (ms since the epoch). */
  prune(olderThan: number): Promise<number>;
}
