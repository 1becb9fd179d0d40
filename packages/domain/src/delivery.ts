/**
 * One delivery in motion: an event on its way to one subscription. It travels in a log record; nothing else holds its
 * state.
 */
export interface Delivery {
  delivery_id: string;
  /** The same for every delivery of one event, on every retry and replay: receivers see it as `webhook-id`. */
  event_id: string;
  tenant_id: string;
  subscription_id: string;
  event_type: string | null;
  /** Content type of the payload as received. */
  content_type: string;
  /** ms since the epoch. */
  accepted_at: number;
  /** 1-based number of the attempt to make next. */
  attempt: number;
  /** Not before this time (ms since the epoch); null = now. */
  due_at: number | null;
  /** How often it was put off without an attempt since the last attempt. */
  deferrals: number;
  /** This attempt may have been made already: a worker ended before it could say so, or the log may have it twice. */
  may_repeat: boolean;
  /** The delivery this one repeats, or null. */
  replay_of: string | null;
  /** When it was last released after a pause of its subscription, ms since the epoch; its age counts from then. null = never held. */
  resumed_at: number | null;
  /** Where it goes instead of to the subscription's own URL; null = there. */
  target_url: string | null;
  traceparent: string | null;
  /** The payload's own bytes. */
  payload: Buffer;
}

export const DELIVERY_STATUSES = [
  'queued',
  'retrying',
  'held',
  'delivered',
  'failed',
  'expired',
  'cancelled',
  'filtered',
] as const;
/** Derived from what happened, never stored. `held`: the subscription is paused. `filtered`: it did not want the event's type. */
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];
