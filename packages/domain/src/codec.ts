import type { Attempt, Disposition } from './attempt.ts';
import type { Delivery } from './delivery.ts';

/** The part of a log record that the codec fills: structurally the log's own record without its topic. */
export interface EncodedRecord {
  key: string;
  value: Buffer;
  headers: Record<string, string>;
}

/** A record that can't be decoded: not ours, or of a version this build does not know. */
export class UndecodableRecordError extends Error {
  override name = 'UndecodableRecordError';
}

/** On a delivery that was released after a pause: it is recorded already. */
export const RESUMED_AT_HEADER = 'resumed-at';

/** Headers carry everything but the payload, so the payload's bytes are never touched. */
export function encodeDelivery(delivery: Delivery): EncodedRecord {
  const headers: Record<string, string> = {
    'delivery-id': delivery.delivery_id,
    'event-id': delivery.event_id,
    'tenant-id': delivery.tenant_id,
    'content-type': delivery.content_type,
    'accepted-at': String(delivery.accepted_at),
    attempt: String(delivery.attempt),
  };
  if (delivery.event_type !== null) headers['event-type'] = delivery.event_type;
  if (delivery.due_at !== null) headers['due-at'] = String(delivery.due_at);
  if (delivery.deferrals > 0) headers['deferrals'] = String(delivery.deferrals);
  if (delivery.may_repeat) headers['may-repeat'] = '1';
  if (delivery.replay_of !== null) headers['replay-of'] = delivery.replay_of;
  if (delivery.resumed_at !== null) headers[RESUMED_AT_HEADER] = String(delivery.resumed_at);
  if (delivery.target_url !== null) headers['target-url'] = delivery.target_url;
  if (delivery.traceparent !== null) headers['traceparent'] = delivery.traceparent;
  return { key: delivery.subscription_id, value: delivery.payload, headers };
}

function required(headers: Record<string, string>, name: string): string {
  const value = headers[name];
  if (value === undefined || value === '') throw new UndecodableRecordError(`header ${name} is missing`);
  return value;
}

function requiredNumber(headers: Record<string, string>, name: string): number {
  const value = Number(required(headers, name));
  if (!Number.isSafeInteger(value)) throw new UndecodableRecordError(`header ${name} is no whole number`);
  return value;
}

/** @throws UndecodableRecordError */
export function decodeDelivery(record: EncodedRecord): Delivery {
  const { headers } = record;
  return {
    delivery_id: required(headers, 'delivery-id'),
    event_id: required(headers, 'event-id'),
    tenant_id: required(headers, 'tenant-id'),
    subscription_id: record.key,
    event_type: headers['event-type'] ?? null,
    content_type: required(headers, 'content-type'),
    accepted_at: requiredNumber(headers, 'accepted-at'),
    attempt: requiredNumber(headers, 'attempt'),
    due_at: headers['due-at'] === undefined ? null : requiredNumber(headers, 'due-at'),
    deferrals: headers['deferrals'] === undefined ? 0 : requiredNumber(headers, 'deferrals'),
    may_repeat: headers['may-repeat'] === '1',
    replay_of: headers['replay-of'] ?? null,
    resumed_at: headers[RESUMED_AT_HEADER] === undefined ? null : requiredNumber(headers, RESUMED_AT_HEADER),
    target_url: headers['target-url'] ?? null,
    traceparent: headers['traceparent'] ?? null,
    payload: record.value,
  };
}

/** Why and when a delivery was given up; it travels in headers beside the delivery's own. */
export interface DeadLetterFacts {
  /** One sentence. */
  reason: string;
  /** ms since the epoch. */
  at: number;
  /** Attempts made. */
  attempts: number;
}

/** A record for the dead-letter topic: the delivery as it was, and why it ended there. */
export function encodeDeadLetter(delivery: Delivery, facts: DeadLetterFacts): EncodedRecord {
  const record = encodeDelivery(delivery);
  record.headers['dead-letter-reason'] = facts.reason;
  record.headers['dead-lettered-at'] = String(facts.at);
  record.headers['attempts'] = String(facts.attempts);
  return record;
}

/** @throws UndecodableRecordError */
export function decodeDeadLetter(record: EncodedRecord): { delivery: Delivery; facts: DeadLetterFacts } {
  return {
    delivery: decodeDelivery(record),
    facts: {
      reason: required(record.headers, 'dead-letter-reason'),
      at: requiredNumber(record.headers, 'dead-lettered-at'),
      attempts: requiredNumber(record.headers, 'attempts'),
    },
  };
}

/** A record for the topic of held deliveries: due whenever it is released. `at`: since when it is held, ms since the epoch. */
export function encodeHeld(delivery: Delivery, at: number): EncodedRecord {
  const record = encodeDelivery({ ...delivery, due_at: null, deferrals: 0 });
  record.headers['held-at'] = String(at);
  return record;
}

/** @throws UndecodableRecordError */
export function decodeHeld(record: EncodedRecord): { delivery: Delivery; held_at: number } {
  return { delivery: decodeDelivery(record), held_at: requiredNumber(record.headers, 'held-at') };
}

/**
 * A delivery-log entry. A filtered event never reaches `deliveries`, so its disposition carries the event itself.
 */
export type LogEntry =
  | { kind: 'attempt'; attempt: Attempt }
  | { kind: 'disposition'; disposition: Disposition; event?: FilteredEvent };

/** The event behind a `filtered` disposition; payload as base64 to keep its bytes in JSON. */
export interface FilteredEvent {
  content_type: string;
  accepted_at: number;
  traceparent: string | null;
  payload_base64: string;
}

const LOG_VERSION = 2;

/**
 * One record for entries that come about together: to write and to read a record costs as much as several entries. It
 * is keyed by the first one's subscription, which only spreads records over partitions; nobody relies on their order.
 */
export function encodeLogEntries(entries: readonly [LogEntry, ...LogEntry[]]): EncodedRecord {
  const [first] = entries;
  const key = first.kind === 'attempt' ? first.attempt.subscription_id : first.disposition.subscription_id;
  return { key, value: Buffer.from(JSON.stringify({ v: LOG_VERSION, entries })), headers: {} };
}

/** @throws UndecodableRecordError */
export function decodeLogEntries(record: Pick<EncodedRecord, 'value'>): LogEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(record.value.toString('utf8'));
  } catch {
    throw new UndecodableRecordError('the value is not JSON');
  }
  const known = parsed as { v?: unknown; entries?: unknown } | null;
  if (known?.v !== LOG_VERSION) throw new UndecodableRecordError(`version ${String(known?.v)} is unknown`);
  if (!Array.isArray(known.entries)) throw new UndecodableRecordError('it has no list of entries');
  return known.entries as LogEntry[];
}
