import type { FilteredEvent } from './codec.ts';
import type { Disposition } from './attempt.ts';
import type { Delivery } from './delivery.ts';
import { NO_ID } from './id.ts';
import { wantsEventType, type LiveSubscription } from './subscription.ts';

/** An event that passed every check and is about to be appended. */
export interface AcceptedEvent {
  event_id: string;
  tenant_id: string;
  event_type: string | null;
  content_type: string;
  /** ms since the epoch. */
  accepted_at: number;
  traceparent: string | null;
  payload: Buffer;
}

export interface DeliveryPlan {
  /** One for each subscription that wants the event, in the order given. */
  deliveries: Delivery[];
  /** What to record when nobody wants the event; null when somebody does. */
  filtered: { disposition: Disposition; event: FilteredEvent } | null;
}

function filteredEvent(event: AcceptedEvent, addressedTo: string | null, deliveryId: string) {
  const type = event.event_type === null ? 'events without a type' : `events of type ${event.event_type}`;
  const disposition: Disposition = {
    delivery_id: deliveryId,
    event_id: event.event_id,
    tenant_id: event.tenant_id,
    subscription_id: addressedTo ?? NO_ID,
    event_type: event.event_type,
    at: event.accepted_at,
    what: 'filtered',
    why: `${addressedTo === null ? 'No enabled subscription wants' : 'The subscription does not want'} ${type}.`,
    next_attempt_at: null,
  };
  const kept: FilteredEvent = {
    content_type: event.content_type,
    accepted_at: event.accepted_at,
    traceparent: event.traceparent,
    payload_base64: event.payload.toString('base64'),
  };
  return { disposition, event: kept };
}

/**
 * Decides who gets an event: every enabled subscription that wants its type. `addressedTo` is the subscription the
 * event was sent to, or null for a fan-out; it only matters when nobody wants the event. `idFor` gives the id of the
 * delivery to a subscription: a UUIDv7 whose time is `accepted_at`, so that a reader knows where to look for it.
 */
export function planDeliveries(
  event: AcceptedEvent,
  subscriptions: readonly LiveSubscription[],
  addressedTo: string | null,
  idFor: (subscriptionId: string) => string,
): DeliveryPlan {
  const deliveries: Delivery[] = [];
  for (const { subscription } of subscriptions) {
    if (!subscription.enabled || !wantsEventType(subscription.event_types, event.event_type)) continue;
    deliveries.push({
      delivery_id: idFor(subscription.id),
      event_id: event.event_id,
      tenant_id: event.tenant_id,
      subscription_id: subscription.id,
      event_type: event.event_type,
      content_type: event.content_type,
      accepted_at: event.accepted_at,
      attempt: 1,
      due_at: null,
      deferrals: 0,
      may_repeat: false,
      replay_of: null,
      resumed_at: null,
      target_url: null,
      traceparent: event.traceparent,
      payload: event.payload,
    });
  }
  if (deliveries.length > 0) return { deliveries, filtered: null };
  return { deliveries, filtered: filteredEvent(event, addressedTo, idFor(addressedTo ?? NO_ID)) };
}
