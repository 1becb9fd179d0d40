import type { DeliveryView } from '../ports.ts';
import { statusExpression } from './delivery-status.ts';
import { FACTS } from './schema.ts';

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

/**
 * Query for deliveries as they stand, from table `deliveries AS d`. Those whose events row has not arrived yet are left
 * out. `having` may name the columns of the answer.
 */
export function derivedDeliveries(where: string, having: readonly string[] = []): string {
  return `
    SELECT d.delivery_id AS delivery_id, d.subscription_id AS subscription_id,
      toUnixTimestamp64Milli(d.accepted_at) AS accepted_ms,
      max(d.event_id) AS event_id, max(d.tenant_id) AS tenant_id, max(d.event_type) AS event_type,
      max(d.content_type) AS content_type, max(d.payload_bytes) AS payload_bytes, max(d.replay_of) AS replay_of,
      ${statusExpression('groupBitOr(d.facts)')} AS status, max(d.attempts_made) AS attempts_made,
      toUnixTimestamp64Milli(max(d.last_attempt_at)) AS last_attempt_ms,
      toUnixTimestamp64Milli(tupleElement(max(d.latest), 2)) AS next_attempt_ms,
      tupleElement(max(d.latest), 3) AS reason
    FROM deliveries AS d ${where}
    GROUP BY d.subscription_id, d.accepted_at, d.delivery_id
    HAVING ${[`bitAnd(groupBitOr(d.facts), ${FACTS.stored}) != 0`, ...having].join(' AND ')}`;
}
