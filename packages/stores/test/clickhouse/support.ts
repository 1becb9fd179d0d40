import { randomBytes } from 'node:crypto';
import { newId, type Attempt, type Disposition, type EventRow } from '@milena/domain';
import {
  createAttemptReader,
  createDeliveryHistory,
  createHistoryWriter,
  createStatsReader,
  migrateClickHouse,
  openClickHouse,
  type ClickHouseOptions,
} from '../../src/clickhouse/index.ts';
import { insertsInto } from '../support/inserts.ts';

export { allPages } from '../support/all-pages.ts';

/** A database of its own on a server, by default the one that the run was given, with everything that works on it. */
export async function openHistory(
  server: Omit<ClickHouseOptions, 'database'> = { url: process.env['TEST_CLICKHOUSE_URL']! },
) {
  const options = {
    ...server,
    database: `test_${randomBytes(6).toString('hex')}`,
  };
  await migrateClickHouse(options, { retentionHours: 72 });
  const clickhouse = openClickHouse(options);
  const history = createHistoryWriter({ clickhouse });
  return {
    options,
    clickhouse,
    writer: { ...history, ...insertsInto(history) },
    deliveries: createDeliveryHistory({ clickhouse }),
    attempts: createAttemptReader({ clickhouse }),
    stats: createStatsReader({ clickhouse }),
    close: async () => {
      await clickhouse.command(`DROP DATABASE ${options.database}`);
      await clickhouse.close();
    },
  };
}
export type History = Awaited<ReturnType<typeof openHistory>>;

/** Ten minutes ago, on a full minute: recent enough for every TTL. */
export const T0 = Math.floor((Date.now() - 600_000) / 60_000) * 60_000;

export function event(over: Partial<EventRow> = {}): EventRow {
  const accepted_at = over.accepted_at ?? T0;
  return {
    delivery_id: newId(accepted_at),
    event_id: newId(accepted_at),
    tenant_id: 'default',
    subscription_id: newId(T0),
    event_type: 'order.created',
    content_type: 'application/json',
    payload: Buffer.from('{"a":1}'),
    accepted_at,
    replay_of: null,
    target_url: null,
    traceparent: null,
    ...over,
  };
}

/** The first attempt at an event, 10 ms after it was accepted; a success unless said otherwise. */
export function attempt(of: EventRow, over: Partial<Attempt> = {}): Attempt {
  const started_at = over.started_at ?? of.accepted_at + 10;
  return {
    attempt_id: newId(started_at),
    delivery_id: of.delivery_id,
    event_id: of.event_id,
    tenant_id: of.tenant_id,
    subscription_id: of.subscription_id,
    event_type: of.event_type,
    target_url: 'https://example.com/hooks?x=1',
    attempt_number: 1,
    accepted_at: of.accepted_at,
    started_at,
    duration_ms: 12.345,
    dns_ms: 1.5,
    connect_ms: 2.25,
    tls_ms: null,
    first_byte_ms: 10.125,
    resolved_address: '93.184.216.34',
    subscription_version: 3,
    breaker_state: 'closed',
    lane_state: 'healthy',
    outcome: 'success',
    http_status: 200,
    error_kind: null,
    error_detail: '',
    response_headers: { 'content-type': 'text/plain', 'x-odd': 'a"b\\c\n' },
    response_body: 'ok',
    next_attempt_at: null,
    next_reason: 'delivered',
    replay_of: null,
    may_repeat: false,
    worker: 'worker-1',
    ...over,
  };
}

export function failed(of: EventRow, number: number, over: Partial<Attempt> = {}): Attempt {
  return attempt(of, {
    attempt_number: number,
    started_at: of.accepted_at + number * 10_000,
    outcome: 'failed_attempt',
    http_status: 503,
    error_kind: 'http_status',
    error_detail: 'answered 503',
    next_attempt_at: of.accepted_at + (number + 1) * 10_000,
    next_reason: `retry ${number}`,
    ...over,
  });
}

export function disposition(
  of: EventRow,
  what: Disposition['what'],
  over: Partial<Disposition> = {},
): Disposition {
  return {
    delivery_id: of.delivery_id,
    event_id: of.event_id,
    tenant_id: of.tenant_id,
    subscription_id: of.subscription_id,
    event_type: of.event_type,
    at: of.accepted_at + 100_000,
    what,
    why: `because ${what}`,
    next_attempt_at: null,
    ...over,
  };
}
