import { encodeLogEntries, type Delivery, type DispositionKind } from '@milena/domain';
import { DELIVERY_LOG, type LogRecord } from '@milena/log';

/** What became of a delivery, for its history. */
export function dispositionRecord(
  delivery: Pick<Delivery, 'delivery_id' | 'event_id' | 'tenant_id' | 'subscription_id' | 'event_type'>,
  what: DispositionKind,
  why: string,
  at: number,
): LogRecord {
  const { delivery_id, event_id, tenant_id, subscription_id, event_type } = delivery;
  const row = { delivery_id, event_id, tenant_id, subscription_id, event_type };
  const disposition = { ...row, at, what, why, next_attempt_at: null };
  return { topic: DELIVERY_LOG, ...encodeLogEntries([{ kind: 'disposition', disposition }]) };
}
