/** What statistics say of attempts. The engine finds the projection by these very expressions. */
export const ATTEMPT_COUNTS = `countIf(outcome = 'success') AS success,
  countIf(outcome = 'failed_attempt') AS failed_attempt, countIf(outcome = 'failure') AS failure,
  quantilesTDigest(0.5, 0.95, 0.99)(duration_ms) AS latency`;
export const ATTEMPT_MINUTE = 'toStartOfMinute(started_at)';

/** Width of a partition. Expiry drops whole parts, so rows live for the retention and up to this much longer. */
const PARTITION_HOURS = 4;

/** Table → the column its partitions and its TTL go by. */
export const TTL_COLUMNS: Readonly<Record<string, string>> = {
  events: 'accepted_at',
  attempts: 'started_at',
  dispositions: 'at',
};

export function ttl(table: string, retentionHours: number): string {
  return `toDateTime(${TTL_COLUMNS[table] ?? ''}) + toIntervalHour(${retentionHours})`;
}

/**
 * Settings of every table. Expiry drops whole parts and a change of the retention rewrites none. The window lets a
 * repeated insert be recognised by its token. An insert is on disk when it is answered. The selector's base (ClickHouse
 * 24.10, default 5) makes merges wider and rarer: a quarter less CPU per inserted row for some more parts to read.
 */
const SETTINGS = `ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1,
  non_replicated_deduplication_window = 1000, fsync_after_insert = 1, merge_selector_base = 10`;

function tableStatement(spec: {
  name: string;
  engine: string;
  orderBy: string;
  columns: string;
  retentionHours: number;
}): string {
  return `CREATE TABLE IF NOT EXISTS ${spec.name} (${spec.columns})
    ENGINE = ${spec.engine}
    PARTITION BY toStartOfInterval(${TTL_COLUMNS[spec.name] ?? ''}, INTERVAL ${PARTITION_HOURS} HOUR)
    ORDER BY (${spec.orderBy})
    TTL ${ttl(spec.name, spec.retentionHours)}
    SETTINGS ${SETTINGS}`;
}

/**
 * An id is found by its time: the minmax index leaves the granules around it, the bloom filter those that hold it.
 * (ClickHouse does not sort the UUID type by time, so it can't lead the order itself.)
 */
const BY_DELIVERY = `
  INDEX by_delivery delivery_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_accepted accepted_at TYPE minmax GRANULARITY 1`;

/** By whom an event is looked for who knows what receivers see of it. Came later than its table, as what follows. */
const BY_EVENT = 'by_event event_id TYPE bloom_filter(0.01) GRANULARITY 1';
/** Rows from before it have none. */
const EVENT_TARGET = 'target_url LowCardinality(Nullable(String))';

const EVENTS = `
  subscription_id UUID, accepted_at DateTime64(3, 'UTC'), delivery_id UUID, event_id UUID,
  tenant_id LowCardinality(String), event_type LowCardinality(Nullable(String)), content_type LowCardinality(String),
  payload String CODEC(ZSTD(1)), payload_bytes UInt32 MATERIALIZED length(payload), replay_of Nullable(UUID), traceparent Nullable(String),
  ${EVENT_TARGET}, INDEX ${BY_EVENT}, ${BY_DELIVERY}`;

const ATTEMPTS = `
  subscription_id UUID, started_at DateTime64(3, 'UTC'), attempt_id UUID, delivery_id UUID, event_id UUID,
  tenant_id LowCardinality(String), event_type LowCardinality(Nullable(String)), target_url LowCardinality(String),
  attempt_number UInt16, accepted_at DateTime64(3, 'UTC'), duration_ms Float64, dns_ms Nullable(Float64),
  connect_ms Nullable(Float64), tls_ms Nullable(Float64), first_byte_ms Nullable(Float64),
  resolved_address LowCardinality(Nullable(String)), subscription_version UInt32,
  breaker_state LowCardinality(String), lane_state LowCardinality(String), outcome LowCardinality(String),
  http_status Nullable(UInt16), error_kind LowCardinality(Nullable(String)), error_detail String,
  response_headers Map(LowCardinality(String), String), response_body String CODEC(ZSTD(1)),
  next_attempt_at Nullable(DateTime64(3, 'UTC')), next_reason String, replay_of Nullable(UUID),
  may_repeat Bool, worker LowCardinality(String), recorded_at DateTime64(6, 'UTC') DEFAULT now64(6),
  INDEX by_recorded recorded_at TYPE minmax GRANULARITY 1, ${BY_DELIVERY}`;

const DISPOSITIONS = `
  subscription_id UUID, at DateTime64(3, 'UTC'), delivery_id UUID, what LowCardinality(String), event_id UUID,
  tenant_id LowCardinality(String), event_type LowCardinality(Nullable(String)), why String,
  next_attempt_at Nullable(DateTime64(3, 'UTC')), accepted_at DateTime64(3, 'UTC'),
  recorded_at DateTime64(6, 'UTC') DEFAULT now64(6), ${BY_DELIVERY}`;

/**
 * Attempts per subscription and minute, as the statistics ask for them. A projection is a part of the part that holds the
 * rows: it is stored with them or not at all, and a merge that drops a repeat counts it no longer.
 */
const MINUTES = `minutes (
  SELECT subscription_id, ${ATTEMPT_MINUTE}, tenant_id, ${ATTEMPT_COUNTS}
  GROUP BY subscription_id, ${ATTEMPT_MINUTE}, tenant_id)`;

/** Every statement may run again. Rows written twice collapse: exact repeats have the same sorting key. */
export function schema(retentionHours: number): string[] {
  const table = (name: string, engine: string, orderBy: string, columns: string) =>
    tableStatement({ name, engine, orderBy, columns, retentionHours });
  return [
    table('events', 'ReplacingMergeTree', 'subscription_id, accepted_at, delivery_id', EVENTS),
    table('attempts', 'ReplacingMergeTree', 'subscription_id, started_at, attempt_id', ATTEMPTS),
    table('dispositions', 'ReplacingMergeTree', 'subscription_id, at, delivery_id, what', DISPOSITIONS),
    `ALTER TABLE events ADD COLUMN IF NOT EXISTS ${EVENT_TARGET}`,
    `ALTER TABLE events ADD INDEX IF NOT EXISTS ${BY_EVENT}`,
    "ALTER TABLE attempts MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild'",
    `ALTER TABLE attempts ADD PROJECTION IF NOT EXISTS ${MINUTES}`,
    // What did this before there was the projection, and could lose a minute whose insert was killed halfway.
    'DROP VIEW IF EXISTS attempt_minutes_of_attempts',
    'DROP TABLE IF EXISTS attempt_minutes',
  ];
}
