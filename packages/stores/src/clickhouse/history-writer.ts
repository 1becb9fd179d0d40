import { createHash } from 'node:crypto';
import { timeOfId, type Attempt, type Disposition, type EventRow } from '@milena/domain';
import type { HistoryWriter } from '../ports.ts';
import type { Cell, ClickHouse } from './client.ts';

/** Columns in the order of the rows that follow. Times go in as whole ms. */
const EVENT_COLUMNS =
  'delivery_id event_id tenant_id subscription_id event_type content_type payload accepted_at replay_of traceparent'.split(
    ' ',
  );

const ATTEMPT_COLUMNS = (
  'attempt_id delivery_id event_id tenant_id subscription_id event_type target_url attempt_number accepted_at ' +
  'started_at duration_ms dns_ms connect_ms tls_ms first_byte_ms resolved_address subscription_version breaker_state ' +
  'lane_state outcome http_status error_kind error_detail response_headers response_body next_attempt_at next_reason ' +
  'replay_of may_repeat worker'
).split(' ');

const DISPOSITION_COLUMNS =
  'delivery_id event_id tenant_id subscription_id event_type at what why next_attempt_at accepted_at'.split(
    ' ',
  );

const ID_COLUMNS = {
  events: { id: 'delivery_id', at: 'accepted_at' },
  attempts: { id: 'attempt_id', at: 'started_at' },
} as const;

/** Rows of three tables meet under one key, so all of them take the time of acceptance from the id. */
const acceptedAt = (deliveryId: string, fallback: number) => timeOfId(deliveryId) ?? fallback;

function eventCells(row: EventRow): Cell[] {
  return [
    row.delivery_id,
    row.event_id,
    row.tenant_id,
    row.subscription_id,
    row.event_type,
    row.content_type,
    row.payload.toString('utf8'),
    acceptedAt(row.delivery_id, row.accepted_at),
    row.replay_of,
    row.traceparent,
  ];
}

function attemptCells(row: Attempt): Cell[] {
  return [
    row.attempt_id,
    row.delivery_id,
    row.event_id,
    row.tenant_id,
    row.subscription_id,
    row.event_type,
    row.target_url,
    row.attempt_number,
    acceptedAt(row.delivery_id, row.accepted_at),
    row.started_at,
    row.duration_ms,
    row.dns_ms,
    row.connect_ms,
    row.tls_ms,
    row.first_byte_ms,
    row.resolved_address,
    row.subscription_version,
    row.breaker_state,
    row.lane_state,
    row.outcome,
    row.http_status,
    row.error_kind,
    row.error_detail,
    row.response_headers,
    row.response_body,
    row.next_attempt_at,
    row.next_reason,
    row.replay_of,
    row.may_repeat,
    row.worker,
  ];
}

function dispositionCells(row: Disposition): Cell[] {
  return [
    row.delivery_id,
    row.event_id,
    row.tenant_id,
    row.subscription_id,
    row.event_type,
    row.at,
    row.what,
    row.why,
    row.next_attempt_at,
    acceptedAt(row.delivery_id, row.at),
  ];
}

/**
 * A name for exactly these rows. When an insert's answer was lost, the same rows again are recognised by it and stored
 * once.
 */
function token(ids: readonly string[]): string {
  return createHash('sha256').update(ids.join()).digest('base64url');
}

export function createHistoryWriter({ clickhouse }: { clickhouse: ClickHouse }): HistoryWriter {
  return {
    insertEvents: (rows) =>
      clickhouse.insert(
        'events',
        EVENT_COLUMNS,
        rows.map(eventCells),
        token(rows.map((row) => row.delivery_id)),
      ),
    insertAttempts: (rows) =>
      clickhouse.insert(
        'attempts',
        ATTEMPT_COLUMNS,
        rows.map(attemptCells),
        token(rows.map((row) => row.attempt_id)),
      ),
    insertDispositions: (rows) =>
      clickhouse.insert(
        'dispositions',
        DISPOSITION_COLUMNS,
        rows.map(dispositionCells),
        token(rows.map((row) => `${row.delivery_id}/${row.what}/${row.at}`)),
      ),
    known: async (table, ids, since) => {
      if (ids.length === 0) return new Set();
      const { id, at } = ID_COLUMNS[table];
      const rows = await clickhouse.select<{ id: string }>(
        `SELECT DISTINCT ${id} AS id FROM ${table}
         WHERE ${at} >= fromUnixTimestamp64Milli({since:Int64}) AND ${id} IN {ids:Array(UUID)}`,
        { since, ids },
      );
      return new Set(rows.map((row) => row.id));
    },
  };
}
