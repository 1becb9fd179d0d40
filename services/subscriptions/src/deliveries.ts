import {
  encodeDelivery,
  encodeLogEntries,
  newId,
  type Delivery,
  type EventRow,
  type Subscription,
} from '@milena/domain';
import { HttpProblem, notFound } from '@milena/http';
import { DELIVERIES, DELIVERY_LOG } from '@milena/log';
import type { Logger } from '@milena/runtime';
import type { DeadLetter, DeliveryView, EventDeliveryFilter, Page, PageRequest } from '@milena/stores';
import type { CallDeps } from './deps.ts';
import { forget } from './forget.ts';
import { whenRecorded } from './waiting.ts';

/** What a call of one delivery runs in. */
interface Call {
  log: Logger;
  signal: AbortSignal;
}

/** @throws HttpProblem 404, or 503 when the recorder is behind */
export async function findDelivery(
  deps: CallDeps,
  id: string,
  { signal }: Pick<Call, 'signal'>,
): Promise<DeliveryView> {
  const view = await whenRecorded(deps, { what: 'delivery', id, signal }, () => deps.deliveries.find(id));
  if (view === null) throw notFound('delivery');
  return view;
}

/**
 * A page of what became of an event. Waits for the recorder before it denies that there was such an event.
 * @throws HttpProblem 404, or 503 when the recorder is behind
 */
export async function deliveriesOfEvent(
  deps: CallDeps,
  filter: EventDeliveryFilter,
  page: PageRequest,
  { signal }: Pick<Call, 'signal'>,
): Promise<Page<DeliveryView>> {
  const { event_id } = filter;
  const read = () => deps.deliveries.ofEvent(filter, page);
  const found = await whenRecorded(deps, { what: 'event', id: event_id, signal }, async () => {
    const answer = await read();
    if (answer.data.length > 0) return answer;
    const { data } = await deps.deliveries.ofEvent({ event_id }, { limit: 1, cursor: null });
    // Of an event that is known none may have the status asked for, or none may follow; or it was stored just now.
    return data.length > 0 ? await read() : null;
  });
  if (found === null) throw notFound('event');
  return found;
}

/**
 * A delivery's event with its bytes: from history, or from its dead letter, which is kept longer.
 * @throws HttpProblem 404, or 503 when the recorder is behind
 */
export async function findEvent(
  deps: CallDeps,
  id: string,
  { signal }: Pick<Call, 'signal'>,
): Promise<EventRow> {
  const event = await whenRecorded(
    deps,
    { what: 'delivery', id, signal },
    async () => (await deps.deliveries.event(id)) ?? (await deps.deadLetters.find(id)),
  );
  if (event === null) throw notFound('delivery');
  return event;
}

/** @throws HttpProblem 503 when the recorder is behind */
export function findDeadLetter(
  deps: CallDeps,
  id: string,
  { signal }: Pick<Call, 'signal'>,
): Promise<DeadLetter | null> {
  return whenRecorded(deps, { what: 'dead letter', id, signal }, () => deps.deadLetters.find(id));
}

/** @throws HttpProblem 409 when nothing can be delivered to the subscription */
export function assertDeliverable(subscription: Subscription | null): asserts subscription is Subscription {
  if (subscription === null) {
    throw new HttpProblem(
      409,
      'subscription-gone',
      'The subscription of this delivery does not exist any more.',
    );
  }
  if (!subscription.enabled) {
    throw new HttpProblem(409, 'subscription-disabled', 'The subscription is disabled; enable it first.');
  }
}

type NewDelivery = Pick<
  Delivery,
  | 'event_id'
  | 'tenant_id'
  | 'subscription_id'
  | 'event_type'
  | 'content_type'
  | 'payload'
  | 'replay_of'
  | 'target_url'
  | 'traceparent'
>;

/** Hands a new delivery to the log, on the same way as one from ingest; resolves with its id when it is durable. */
async function append(deps: CallDeps, delivery: NewDelivery): Promise<string> {
  const now = deps.clock.now();
  const deliveryId = newId(now);
  const whole: Delivery = {
    ...delivery,
    delivery_id: deliveryId,
    accepted_at: now,
    attempt: 1,
    due_at: null,
    deferrals: 0,
    may_repeat: false,
    resumed_at: null,
  };
  await deps.log.append([{ topic: DELIVERIES, ...encodeDelivery(whole) }]);
  return deliveryId;
}

interface Queued {
  delivery_id: string;
  event_id: string;
  status: 'queued';
}

/**
 * Sends a `milena.test` event to one subscription, whatever types it asks for.
 * @throws HttpProblem 409 when it is disabled
 */
export async function sendTest(deps: CallDeps, subscription: Subscription, call: Call): Promise<Queued> {
  assertDeliverable(subscription);
  const now = deps.clock.now();
  const event_id = newId(now);
  const payload = {
    type: 'milena.test',
    timestamp: new Date(now).toISOString(),
    data: { subscription_id: subscription.id, message: 'A test event from Milena.' },
  };
  const delivery_id = await append(deps, {
    event_id,
    tenant_id: subscription.tenant_id,
    subscription_id: subscription.id,
    event_type: 'milena.test',
    content_type: 'application/json',
    payload: Buffer.from(JSON.stringify(payload)),
    replay_of: null,
    target_url: null,
    traceparent: null,
  });
  call.log.info({ event: 'test.sent', delivery_id, event_id, subscription_id: subscription.id });
  return { delivery_id, event_id, status: 'queued' };
}

/**
 * Delivers an event once more, now, as a delivery of its own, to where the first one went. The append comes first: a crash
 * before the dead letter is marked leaves it open, which asks for one more look and loses nothing.
 * @throws HttpProblem 404, 409 when the subscription is gone or disabled, or 503 when the recorder is behind
 */
export async function retryDelivery(
  deps: CallDeps,
  id: string,
  call: Call,
): Promise<Queued & { replay_of: string }> {
  const event = await findEvent(deps, id, call);
  const subscription = await deps.subscriptions.find(event.subscription_id);
  assertDeliverable(subscription);
  // Stored before the append: a dead letter that comes after it would stay open, and be delivered once more by a replay of all.
  await findDeadLetter(deps, id, call);
  call.signal.throwIfAborted();
  const { event_id, tenant_id, subscription_id, event_type, content_type, payload } = event;
  const delivery_id = await append(deps, {
    event_id,
    tenant_id,
    subscription_id,
    event_type,
    content_type,
    payload,
    // Of a replay to another URL: whoever tries that one again doesn't mean the subscription's own.
    target_url: event.target_url,
    traceparent: event.traceparent,
    replay_of: id,
  });
  await deps.deadLetters.setStatus(id, 'replayed').catch((error: unknown) => {
    call.log.warn({ event: 'dead_letter.not_marked', delivery_id: id, err: error });
  });
  call.log.info({ event: 'delivery.replayed', delivery_id, replay_of: id, event_id, subscription_id });
  return { delivery_id, event_id, replay_of: id, status: 'queued' };
}

/**
 * Ends a delivery that is still in motion. The worker drops it when it next meets it; history says so at once. Every
 * write may be repeated, so a call that failed half way is put right by the next.
 * @throws HttpProblem 404, or 409 when the delivery has come to its end already
 */
export async function cancelDelivery(deps: CallDeps, id: string, call: Call): Promise<DeliveryView> {
  const view = await findDelivery(deps, id, call);
  if (view.status !== 'queued' && view.status !== 'retrying' && view.status !== 'held') {
    throw new HttpProblem(409, 'delivery-final', `The delivery is ${view.status} already.`);
  }
  const { delivery_id, event_id, tenant_id, subscription_id, event_type } = view;
  const why = 'Cancelled through the API.';
  await deps.cancellations.cancel({ delivery_id, subscription_id, tenant_id });
  if (view.status === 'held') await deps.held.drop(delivery_id);
  await forget(deps.directory, { id: subscription_id, tenant_id }, call.log);
  const disposition = {
    delivery_id,
    event_id,
    tenant_id,
    subscription_id,
    event_type,
    at: deps.clock.now(),
    what: 'cancelled' as const,
    why,
    next_attempt_at: null,
  };
  await deps.log.append([
    { topic: DELIVERY_LOG, ...encodeLogEntries([{ kind: 'disposition', disposition }]) },
  ]);
  deps.metrics.dispositions.inc({ what: 'cancelled' });
  call.log.info({ event: 'delivery.cancelled', delivery_id, event_id, subscription_id });
  return { ...view, status: 'cancelled', next_attempt_at: null, reason: why };
}
