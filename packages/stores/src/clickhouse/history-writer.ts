import { timeOfId, type Attempt, type Disposition, type EventRow } from '@milena/domain';
import type { HistoryWriter, InsertBatch } from '../ports.ts';
import type { ClickHouse } from './client.ts';
import { createInsert, knownIds, type Table } from './insert.ts';
import { createLines, type Cell, type Lines } from './lines.ts';

/** Columns in the order of the rows that follow. Times go in as whole ms. */
const EVENTS = {
  name: 'events',
  columns: (
    'delivery_id event_id tenant_id subscription_id event_type content_type payload accepted_at replay_of ' +
    'target_url traceparent'
  ).split(' '),
  key: { id: 'delivery_id', at: 'accepted_at' },
};

const ATTEMPTS = {
  name: 'attempts',
  columns: (
    'attempt_id delivery_id event_id tenant_id subscription_id event_type target_url attempt_number accepted_at ' +
    'started_at duration_ms dns_ms connect_ms tls_ms first_byte_ms resolved_address subscription_version ' +
    'breaker_state lane_state outcome http_status error_kind error_detail response_headers response_body ' +
    'next_attempt_at next_reason replay_of may_repeat worker'
  ).split(' '),
  key: { id: 'attempt_id', at: 'started_at' },
};

const DISPOSITIONS = {
  name: 'dispositions',
  columns:
    'delivery_id event_id tenant_id subscription_id event_type at what why next_attempt_at accepted_at'.split(
      ' ',
    ),
};

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
    row.target_url,
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

/** A larger batch gives its memory back. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** @param cells a row's values in the order of the columns */
function createTable<Row>(
  clickhouse: ClickHouse,
  table: Table,
  cells: (row: Row) => Cell[],
): () => InsertBatch<Row> {
  let spare: Buffer | undefined;
  const takeMemory = (): Buffer | undefined => {
    const memory = spare;
    spare = undefined;
    return memory;
  };
  return () => {
    // Most inserts that are begun get no row: they leave the memory to those that do.
    let lines: Lines | null = null;
    let stored = 0;
    const insert = createInsert(clickhouse, table);
    return {
      add: (row) => {
        lines ??= createLines(takeMemory());
        lines.add(cells(row));
      },
      keep: (wanted) => lines?.keep(wanted),
      size: () => lines?.size() ?? stored,
      store: async () => {
        if (lines === null) return;
        stored = lines.size();
        await insert(lines.bytes());
        const memory = lines.memory();
        if (memory.length <= KEPT_BYTES) spare = memory;
        lines = null;
      },
    };
  };
}

export function createHistoryWriter({ clickhouse }: { clickhouse: ClickHouse }): HistoryWriter {
  return {
    events: createTable(clickhouse, EVENTS, eventCells),
    attempts: createTable(clickhouse, ATTEMPTS, attemptCells),
    dispositions: createTable(clickhouse, DISPOSITIONS, dispositionCells),
    known: (table, ids, since) => knownIds(clickhouse, table === 'events' ? EVENTS : ATTEMPTS, ids, since),
  };
}
