import type { EventRow } from '@milena/domain';

export const STORED_EVENT_COLUMNS = `delivery_id, event_id, tenant_id, subscription_id, event_type, content_type, payload,
  toUnixTimestamp64Milli(accepted_at) AS accepted_ms, replay_of, target_url, traceparent`;

export type StoredEvent = Omit<EventRow, 'payload' | 'accepted_at'> & {
  payload: string;
  accepted_ms: number | string;
};

export function toEventRow({ accepted_ms, payload, ...rest }: StoredEvent): EventRow {
  return { ...rest, payload: Buffer.from(payload), accepted_at: Number(accepted_ms) };
}
