import type { DeliveryView } from '../delivery-ports.ts';
import { createConditions, msParam } from './conditions.ts';
import { CLOCK_SKEW_MS, FACT_OF_ATTEMPT, FACT_OF_DISPOSITION, HOLD, statusOf } from './facts.ts';

export type DeliveryRow = Omit<DeliveryView, 'accepted_at' | 'last_attempt_at' | 'next_attempt_at'> & {
  accepted_ms: number | string;
  last_attempt_ms: number | string | null;
  next_attempt_ms: number | string | null;
};

const milliseconds = (value: number | string | null) => (value === null ? null : Number(value));

export function toDeliveryView({
  accepted_ms,
  last_attempt_ms,
  next_attempt_ms,
  ...row
}: DeliveryRow): DeliveryView {
  const open = row.status === 'queued' || row.status === 'retrying';
  return {
    ...row,
    accepted_at: Number(accepted_ms),
    last_attempt_at: milliseconds(last_attempt_ms),
    next_attempt_at: open ? milliseconds(next_attempt_ms) : null,
  };
}

const STATUS = statusOf('h.facts', 'h.hold');

/** Which rows of attempts and dispositions can belong to the deliveries asked for. `from` and `to`: when those were accepted, ms, both included. */
interface HistoryScope {
  subscription_id?: string | undefined;
  subscription_ids?: readonly string[];
  delivery_id?: string | undefined;
  delivery_ids?: readonly string[];
  from?: number | undefined;
  to?: number | undefined;
}

/** `at`: the column by which the table is ordered within a subscription. */
function ofScope(scope: HistoryScope, at: string) {
  const { subscription_id, subscription_ids, delivery_id, delivery_ids, from, to } = scope;
  const conditions = createConditions();
  conditions.add('subscription_id IN {h_subscription_ids:Array(UUID)}', {
    h_subscription_ids: subscription_ids,
  });
  conditions.add('delivery_id IN {h_delivery_ids:Array(UUID)}', { h_delivery_ids: delivery_ids });
  conditions.add('subscription_id = {h_subscription_id:UUID}', { h_subscription_id: subscription_id });
  conditions.add('delivery_id = {h_delivery_id:UUID}', { h_delivery_id: delivery_id });
  conditions.add(`accepted_at >= ${msParam('h_from')}`, { h_from: from });
  conditions.add(`accepted_at <= ${msParam('h_to')}`, { h_to: to });
  const h_begin = from === undefined ? undefined : from - CLOCK_SKEW_MS;
  conditions.add(`${at} >= ${msParam('h_begin')}`, { h_begin });
  return conditions;
}

/**
 * Query for deliveries as they stand: events joined with what happened to each. Without its events row a delivery does
 * not exist yet.
 *
 * @param events condition on the events rows
 * @param derived condition on columns of the answer
 */
export function derivedDeliveries(events: string, scope: HistoryScope, derived = '') {
  const attempts = ofScope(scope, 'started_at');
  const dispositions = ofScope(scope, 'at');
  const query = `
    SELECT e.delivery_id AS delivery_id, e.subscription_id AS subscription_id,
      toUnixTimestamp64Milli(e.accepted_at) AS accepted_ms, e.event_id AS event_id, e.tenant_id AS tenant_id,
      e.event_type AS event_type, e.content_type AS content_type, e.payload_bytes AS payload_bytes,
      e.replay_of AS replay_of, e.target_url AS target_url, ${STATUS} AS status, h.attempts_made AS attempts_made,
      toUnixTimestamp64Milli(h.last_attempt_at) AS last_attempt_ms,
      toUnixTimestamp64Milli(tupleElement(h.latest, 2)) AS next_attempt_ms, tupleElement(h.latest, 3) AS reason
    FROM (
      SELECT delivery_id, subscription_id, accepted_at, event_id, tenant_id, event_type, content_type, payload_bytes,
        replay_of, target_url
      FROM events ${events}
    ) AS e
    LEFT JOIN (
      SELECT delivery_id, groupBitOr(fact) AS facts, max(number) AS attempts_made, max(attempted_at) AS last_attempt_at,
        max(step) AS latest, max(hold) AS hold
      FROM (
        SELECT delivery_id, ${FACT_OF_ATTEMPT} AS fact, attempt_number AS number, toNullable(started_at) AS attempted_at,
          (started_at + toIntervalMillisecond(toUInt64(duration_ms)), next_attempt_at, next_reason) AS step,
          toInt64(0) AS hold
        FROM attempts ${attempts.where()}
        UNION ALL
        SELECT delivery_id, ${FACT_OF_DISPOSITION}, toUInt16(0), NULL, (at, next_attempt_at, why), ${HOLD}
        FROM dispositions ${dispositions.where()}
      )
      GROUP BY delivery_id
    ) AS h ON h.delivery_id = e.delivery_id
    ${derived}
    ORDER BY e.accepted_at DESC, e.delivery_id DESC LIMIT 1 BY e.delivery_id`;
  return { query, params: { ...attempts.params, ...dispositions.params } };
}
