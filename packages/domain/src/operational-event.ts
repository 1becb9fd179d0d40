import type { DeadLetterFacts } from './codec.ts';
import type { Delivery } from './delivery.ts';
import { derivedId, derivedIdAt, newId } from './id.ts';
import type { Health } from './subscription.ts';

/** The subscription that operational events go to; it is made from OPERATOR_WEBHOOK_URL, never through the API. */
export const OPERATOR_SUBSCRIPTION_ID = '00000000-0000-7000-8000-000000000001';
/** No tenant can have this name (TENANT_PATTERN), so no key is bound to it and no event is sent to it. */
export const OPERATOR_TENANT = '_operator';

export function isOperatorSubscription(id: string): boolean {
  return id === OPERATOR_SUBSCRIPTION_ID;
}

/** What the operator is told about a subscription. Times in ms since the epoch. */
export type SubscriptionNotice = {
  subscription_id: string;
  tenant_id: string;
  target_url: string;
} & (
  | { type: 'subscription.failing'; health: Exclude<Health, 'healthy' | 'disabled'>; failing_since: number }
  | { type: 'subscription.recovered'; failing_since: number; recovered_at: number }
  | {
      type: 'subscription.disabled';
      /** Becomes the event's id. */
      id: string;
      reason: string;
      /** null: it was not failing before, for example because of a 410. */
      failing_since: number | null;
      disabled_at: number;
    }
);

/** The event about a subscription, on its way to the operator. The same notice always makes the same `webhook-id`. */
export function noticeDelivery(notice: SubscriptionNotice, now: number): Delivery {
  const { subscription_id, tenant_id, target_url } = notice;
  const about = { subscription_id, tenant_id, target_origin: originOf(target_url) };
  switch (notice.type) {
    case 'subscription.failing': {
      const { type, health, failing_since } = notice;
      const data = { ...about, health, failing_since: iso(failing_since) };
      return toOperator(
        { event_id: derivedIdAt(failing_since, subscription_id, type), type, at: now, data },
        now,
      );
    }
    case 'subscription.recovered': {
      const { type, failing_since, recovered_at } = notice;
      const data = { ...about, failing_since: iso(failing_since), recovered_at: iso(recovered_at) };
      const event_id = derivedIdAt(failing_since, subscription_id, type);
      return toOperator({ event_id, type, at: recovered_at, data }, now);
    }
    case 'subscription.disabled': {
      const { type, id, reason, failing_since, disabled_at } = notice;
      const since = failing_since === null ? null : iso(failing_since);
      const data = { ...about, reason, failing_since: since, disabled_at: iso(disabled_at) };
      return toOperator({ event_id: id, type, at: disabled_at, data }, now);
    }
  }
}

/**
 * The event about a delivery that was given up, on its way to the operator; null for what was itself on its way there,
 * or an operator's endpoint that fails would be told about that for ever. The same delivery always makes the same
 * `webhook-id`.
 */
export function deadLetterDelivery(delivery: Delivery, facts: DeadLetterFacts): Delivery | null {
  if (isOperatorSubscription(delivery.subscription_id)) return null;
  const type = 'delivery.dead_lettered';
  const { delivery_id, event_id, subscription_id, tenant_id, event_type, replay_of } = delivery;
  const data = {
    delivery_id,
    event_id,
    subscription_id,
    tenant_id,
    event_type,
    attempts: facts.attempts,
    reason: facts.reason,
    accepted_at: iso(delivery.accepted_at),
    dead_lettered_at: iso(facts.at),
    replay_of,
  };
  return toOperator({ event_id: derivedId(delivery_id, type), type, at: facts.at, data }, facts.at);
}

/** In the form of Standard Webhooks: type, timestamp, data. */
function toOperator(
  event: { event_id: string; type: string; at: number; data: object },
  now: number,
): Delivery {
  const { event_id, type, at, data } = event;
  return {
    // Not derived: its time is that of its acceptance, by which readers find it. Receivers go by the event's id.
    delivery_id: newId(now),
    event_id,
    tenant_id: OPERATOR_TENANT,
    subscription_id: OPERATOR_SUBSCRIPTION_ID,
    event_type: type,
    content_type: 'application/json',
    accepted_at: now,
    attempt: 1,
    due_at: null,
    deferrals: 0,
    may_repeat: false,
    replay_of: null,
    resumed_at: null,
    target_url: null,
    traceparent: null,
    payload: Buffer.from(JSON.stringify({ type, timestamp: iso(at), data })),
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** Paths and queries of webhook URLs may be secrets; scheme, host and port never are. */
function originOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).origin : null;
}
