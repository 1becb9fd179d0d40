import type { Health } from '@milena/domain';

/** What a worker rests on that says how a subscription is. A worker sees only its own attempts; the store has seen all. */
export interface HealthSeen {
  /** Where the attempts went: of another target's health they say nothing. */
  target_url: string;
  /** When the last failed attempt began, ms since the epoch; null = none failed lately. */
  failed_at: number | null;
  /** Unheard of for longer than this, a spell of failures is over: what fails then is a new one. */
  longest_break_ms: number;
}

/** Written by delivery workers: on transitions, and now and then while an endpoint fails. */
export interface SubscriptionHealthStore {
  /**
   * Does nothing when the subscription is gone or, with `seen`, has another target. With `seen` the spell begins at
   * `failed_at` when it was healthy after `failingSinceMs` or there was too long a break, and never earlier than is stored.
   */
  setHealth(
    id: string,
    health: Exclude<Health, 'disabled'>,
    failingSinceMs: number | null,
    seen?: HealthSeen,
  ): Promise<void>;
  /**
   * Disables with a reason; false when it was already disabled or is gone, has another target than `only.target_url`, or
   * is not stored as failing since `only.failing_since` (ms; null = whatever is stored).
   */
  disable(
    id: string,
    reason: string,
    only?: { target_url: string; failing_since: number | null },
  ): Promise<boolean>;
}
