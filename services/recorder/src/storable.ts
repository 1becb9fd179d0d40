import {
  UndecodableRecordError,
  type Attempt,
  type Delivery,
  type Disposition,
  type EventRow,
  type FilteredEvent,
} from '@milena/domain';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A row that a store refuses would be tried for ever and hold back all others, so what is malformed is sorted out before. */
function requireIds(row: { delivery_id: string; event_id: string; subscription_id: string }): void {
  for (const name of ['delivery_id', 'event_id', 'subscription_id'] as const) requireId(row[name], name);
}

function requireId(id: unknown, name: string): void {
  if (typeof id !== 'string' || !UUID.test(id)) throw new UndecodableRecordError(`${name} is no UUID`);
}

function requireTime(ms: unknown, name: string): void {
  if (!Number.isSafeInteger(ms)) throw new UndecodableRecordError(`${name} is no time in whole ms`);
}

export function eventRowOf(delivery: Delivery): EventRow {
  requireIds(delivery);
  if (delivery.replay_of !== null) requireId(delivery.replay_of, 'replay_of');
  return {
    delivery_id: delivery.delivery_id,
    event_id: delivery.event_id,
    tenant_id: delivery.tenant_id,
    subscription_id: delivery.subscription_id,
    event_type: delivery.event_type,
    content_type: delivery.content_type,
    payload: delivery.payload,
    accepted_at: delivery.accepted_at,
    replay_of: delivery.replay_of,
    target_url: delivery.target_url,
    traceparent: delivery.traceparent,
  };
}

/** @throws UndecodableRecordError */
export function requireStorableAttempt(attempt: Attempt): void {
  requireIds(attempt);
  requireId(attempt.attempt_id, 'attempt_id');
  if (attempt.replay_of !== null) requireId(attempt.replay_of, 'replay_of');
  requireTime(attempt.started_at, 'started_at');
  requireTime(attempt.accepted_at, 'accepted_at');
  if (attempt.next_attempt_at !== null) requireTime(attempt.next_attempt_at, 'next_attempt_at');
}

/** @throws UndecodableRecordError */
export function requireStorableFiltered(event: FilteredEvent): void {
  requireTime(event.accepted_at, 'accepted_at');
  for (const name of ['content_type', 'payload_base64'] as const)
    if (typeof event[name] !== 'string') throw new UndecodableRecordError(`${name} is no text`);
}

/** @throws UndecodableRecordError */
export function requireStorableDisposition(disposition: Disposition): void {
  requireIds(disposition);
  requireTime(disposition.at, 'at');
  if (disposition.next_attempt_at !== null) requireTime(disposition.next_attempt_at, 'next_attempt_at');
}
