import { createHash } from 'node:crypto';
import {
  derivedId,
  encodeDelivery,
  encodeLogEntries,
  newId,
  planDeliveries,
  timeOfId,
  type DeliveryPlan,
  type LiveSubscription,
} from '@milena/domain';
import { DELIVERIES, DELIVERY_LOG, mayRepeat, type LogRecord } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { IdempotencySeed } from '@milena/stores';
import type { AppendBatcher } from './append-batcher.ts';
import type { Answered, Once } from './idempotency.ts';

/** An event that passed every check of its request. */
export interface IncomingEvent {
  tenant_id: string;
  event_type: string | null;
  content_type: string;
  traceparent: string | null;
  payload: Buffer;
  idempotency_key: string | null;
  /** The subscription it was sent to; null = to the tenant's subscriptions that want it. */
  addressed_to: string | null;
  /** Those that may get it. */
  subscriptions: readonly LiveSubscription[];
}

/** What an event came to; kept as the answer to its idempotency key. */
export interface Acceptance {
  event_id: string;
  /** None: the event was filtered. */
  deliveries: { delivery_id: string; subscription_id: string }[];
}

/**
 * Takes an event on: resolves when the log has it for good.
 * @throws BacklogFullError, LogUnavailableError, StoreUnavailableError, HttpProblem 422 or 503 for its idempotency key
 */
export type AcceptEvent = (incoming: IncomingEvent) => Promise<Answered<Acceptance>>;

function recordsOf(plan: DeliveryPlan): LogRecord[] {
  if (plan.filtered) {
    const entry = encodeLogEntries([{ kind: 'disposition', ...plan.filtered }]);
    return [{ topic: DELIVERY_LOG, ...entry }];
  }
  return plan.deliveries.map((delivery) => ({ topic: DELIVERIES, ...encodeDelivery(delivery) }));
}

/** Requests with one key must agree in type and body. An event type has no line break, so the two can't blur. */
function hashOf(incoming: IncomingEvent): string {
  const type = incoming.event_type ?? '';
  return createHash('sha256').update(`${type}\n`).update(incoming.payload).digest('hex');
}

export function createAcceptEvent(deps: {
  batcher: Pick<AppendBatcher, 'append'>;
  once: Once<Acceptance>;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'eventsAccepted'>;
}): AcceptEvent {
  const { batcher, once, clock, logger, metrics } = deps;
  const queued = metrics.eventsAccepted.labels('queued');
  const filtered = metrics.eventsAccepted.labels('filtered');

  /** With a seed all ids and times follow from it: doing it again gives out the same, and the log may have it twice. */
  async function append(incoming: IncomingEvent, seed: IdempotencySeed | null): Promise<Acceptance> {
    const { tenant_id, event_type, content_type, traceparent, payload, addressed_to } = incoming;
    const accepted_at = (seed === null ? null : timeOfId(seed.seed_id)) ?? clock.now();
    const event_id = seed?.seed_id ?? newId(accepted_at);
    const plan = planDeliveries(
      { event_id, tenant_id, event_type, content_type, accepted_at, traceparent, payload },
      incoming.subscriptions,
      addressed_to,
      (subscriptionId) => (seed === null ? newId(accepted_at) : derivedId(seed.seed_id, subscriptionId)),
    );
    const records = recordsOf(plan);
    await batcher.append(seed?.again === true ? records.map(mayRepeat) : records);
    const deliveries = plan.deliveries.map(({ delivery_id, subscription_id }) => ({
      delivery_id,
      subscription_id,
    }));
    (plan.filtered ? filtered : queued).inc();
    // Building the line costs as much as planning the deliveries.
    if (logger.isLevelEnabled('debug')) {
      logger.debug({
        event: 'event.accepted',
        event_id,
        tenant_id,
        event_type,
        addressed_to,
        idempotency_key: incoming.idempotency_key,
        deliveries,
        payload_bytes: payload.length,
      });
    }
    return { event_id, deliveries };
  }

  return async (incoming) => {
    const { idempotency_key: key, addressed_to, tenant_id } = incoming;
    if (key === null) return { answer: await append(incoming, null), replayed: false };
    const scope = addressed_to === null ? `tenant:${tenant_id}` : `subscription:${addressed_to}`;
    return once({ scope, key, request_hash: hashOf(incoming) }, (seed) => append(incoming, seed));
  };
}
