import type { Principal } from '@milena/http';
import type { Clock, Metrics, RateLimiter } from '@milena/runtime';
import type { SubscriptionDirectory } from '@milena/stores';
import type { AcceptEvent } from '../accept-event.ts';

/** What the routes of this service work with. */
export interface RouteDeps {
  acceptEvent: AcceptEvent;
  /** The subscriptions as this caller sees them; there is no other way to them. */
  directoryOf(caller: Principal | null): Pick<SubscriptionDirectory, 'get' | 'ofTenant'>;
  limiter: RateLimiter;
  clock: Clock;
  metrics: Pick<Metrics, 'ingestRefused'>;
  maxPayloadBytes: number;
}

export const JSON_TYPES = ['application/json', 'application/*+json'];

/** Headers of the two calls that take one event, for the document. */
export const EVENT_HEADERS = {
  'X-Event-Type': {
    description:
      'Type of the event. First found: this header, the query parameter event_type, the header X-GitHub-Event, a string field event_type or type of the body.',
    example: 'order.created',
  },
  'Idempotency-Key': {
    description:
      'Makes repeats harmless: for 24 hours the first answer is given again, with idempotent-replayed: true. An incoming webhook-id counts as one.',
    example: 'order-4711-created',
  },
  traceparent: { description: 'W3C trace context; sent on with every attempt.' },
};

export const REPLAYED_NOTE = 'The header `idempotent-replayed: true` says that this answer was given before.';

/** The header of a repeated answer, if it is one. */
export function replayedHeader(replayed: boolean): { headers?: Record<string, string> } {
  return replayed ? { headers: { 'idempotent-replayed': 'true' } } : {};
}
