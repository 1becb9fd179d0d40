import type { SubscriptionNotice } from '@milena/domain';

/** Where operational events go, as the settings say. */
export interface OperatorEndpoint {
  target_url: string;
  secret: string;
}

/** How much of a change counts. */
export interface NoticeTake {
  /** Without a success for this long a subscription counts as failing; at once when its breaker is open. */
  failing_for_ms: number;
  /** Healthy for this long, it counts as recovered. */
  healthy_for_ms: number;
  /** Notices of each kind at most. */
  limit: number;
}

/** What the operator is told of, and the subscription by which. */
export interface OperatorStore {
  /**
   * Makes the operator's subscription, brings it in line with the settings (enabled again, the secret before valid for
   * one more day), or removes it (null) together with what was still to be told. True when that changed something.
   */
  keep(wanted: OperatorEndpoint | null): Promise<boolean>;
  /**
   * Gives what is to be told to `work` and marks it as told once that resolves; when it rejects, or this process dies,
   * it comes again, with the same ids. What another taker has at that moment is passed over. Resolves to how many.
   */
  take(take: NoticeTake, work: (notices: readonly SubscriptionNotice[]) => Promise<void>): Promise<number>;
}
