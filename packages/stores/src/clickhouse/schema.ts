/**
 * Bits of `deliveries.facts`: what is known to have happened to a delivery. A status is derived from them (see
 * delivery-status.ts), so a repeated row changes nothing.
 */
export const FACTS = {
  /** Its events row is stored. */
  stored: 1,
  delivered: 2,
  cancelled: 4,
  expired: 8,
  failed: 16,
  attempted: 32,
  filtered: 64,
} as const;

/** Width of a partition. Expiry drops whole parts, so rows live for the retention and up to this much longer. */
const PARTITION_HOURS = 4;

/** Table → the column its partitions and its TTL go by. */
export const TTL_COLUMNS: Readonly<Record<string, string>> = {
  events: 'accepted_at',
  attempts: 'started_at',
  dispositions: 'at',
  deliveries: 'accepted_at',
  attempt_minutes: 'minute',
  event_minutes: 'minute',
};

export function ttl(table: string, retentionHours: number): string {
  return `toDateTime(${TTL_COLUMNS[table] ?? ''}) + toIntervalHour(${retentionHours})`;
}

function table(
  name: string,
  engine: string,
  orderBy: string,
  columns: string,
  retentionHours: number,
  settings = '',
): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (${columns})
    ENGINE = ${engine}
    PARTITION BY toStartOfInterval(${TTL_COLUMNS[name] ?? ''}, INTERVAL ${PARTITION_HOURS} HOUR)
    ORDER BY (${orderBy})
    TTL ${ttl(name, retentionHours)}
    SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1,
      non_replicated_deduplication_window = 1000, fsync_after_insert = 1${settings}`;
}

/**
 * An id is found by its time: the minmax index leaves the granules around it, the bloom filter those that hold it.
 * (ClickHouse does not sort the UUID type by time, so it can't lead the order itself.)
 */
const BY_DELIVERY = `
  INDEX by_delivery delivery_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_accepted accepted_at TYPE minmax GRANULARITY 1`;

const EVENTS = `
  subscription_id UUID, accepted_at DateTime64(3, 'UTC'), delivery_id UUID, event_id UUID,
  tenant_id LowCardinality(String), event_type LowCardinality(Nullable(String)), content_type LowCardinality(String),
  payload String CODEC(ZSTD(1)), replay_of Nullable(UUID), traceparent Nullable(String), ${BY_DELIVERY}`;

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
  worker LowCardinality(String), recorded_at DateTime64(6, 'UTC') DEFAULT now64(6),
  INDEX by_recorded recorded_at TYPE minmax GRANULARITY 1, ${BY_DELIVERY}`;

const DISPOSITIONS = `
  subscription_id UUID, at DateTime64(3, 'UTC'), delivery_id UUID, what LowCardinality(String), event_id UUID,
  tenant_id LowCardinality(String), event_type LowCardinality(Nullable(String)), why String,
  next_attempt_at Nullable(DateTime64(3, 'UTC')), accepted_at DateTime64(3, 'UTC'),
  recorded_at DateTime64(6, 'UTC') DEFAULT now64(6), ${BY_DELIVERY}`;

/** One row per delivery once merged; before that every read aggregates. `latest`: when, next attempt, why. */
const DELIVERIES = `
  subscription_id UUID, accepted_at DateTime64(3, 'UTC'), delivery_id UUID,
  facts SimpleAggregateFunction(groupBitOr, UInt8),
  attempts_made SimpleAggregateFunction(max, UInt16),
  last_attempt_at SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
  latest SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Nullable(DateTime64(3, 'UTC')), String)),
  event_id SimpleAggregateFunction(max, UUID),
  tenant_id SimpleAggregateFunction(max, LowCardinality(String)),
  event_type SimpleAggregateFunction(max, LowCardinality(Nullable(String))),
  content_type SimpleAggregateFunction(max, LowCardinality(String)),
  payload_bytes SimpleAggregateFunction(max, UInt32),
  replay_of SimpleAggregateFunction(max, Nullable(UUID)), ${BY_DELIVERY}`;

const ATTEMPT_MINUTES = `
  subscription_id UUID, minute DateTime('UTC'), tenant_id LowCardinality(String),
  success SimpleAggregateFunction(sum, UInt64), failed_attempt SimpleAggregateFunction(sum, UInt64),
  failure SimpleAggregateFunction(sum, UInt64),
  latency AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64)`;

const EVENT_MINUTES = `
  subscription_id UUID, minute DateTime('UTC'), tenant_id LowCardinality(String),
  event_type LowCardinality(Nullable(String)), events SimpleAggregateFunction(sum, UInt64),
  last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))`;

const KEY = 'subscription_id, accepted_at, delivery_id';

const VIEWS = [
  `CREATE MATERIALIZED VIEW IF NOT EXISTS deliveries_of_events TO deliveries AS
    SELECT ${KEY}, toUInt8(${FACTS.stored}) AS facts, event_id, tenant_id, event_type, content_type,
      toUInt32(length(payload)) AS payload_bytes, replay_of FROM events`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS deliveries_of_attempts TO deliveries AS
    SELECT ${KEY}, toUInt8(${FACTS.attempted} + multiIf(outcome = 'success', ${FACTS.delivered},
        outcome = 'failure', ${FACTS.failed}, 0)) AS facts,
      attempt_number AS attempts_made, started_at AS last_attempt_at,
      (started_at + toIntervalMillisecond(toUInt64(duration_ms)), next_attempt_at, next_reason) AS latest FROM attempts`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS deliveries_of_dispositions TO deliveries AS
    SELECT ${KEY}, toUInt8(multiIf(what = 'filtered', ${FACTS.filtered}, what = 'cancelled', ${FACTS.cancelled},
        what = 'expired', ${FACTS.expired}, what = 'dead_lettered', ${FACTS.failed}, 0)) AS facts,
      (at, next_attempt_at, why) AS latest FROM dispositions`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_minutes_of_attempts TO attempt_minutes AS
    SELECT subscription_id, toStartOfMinute(started_at) AS minute, tenant_id, countIf(outcome = 'success') AS success,
      countIf(outcome = 'failed_attempt') AS failed_attempt, countIf(outcome = 'failure') AS failure,
      quantilesTDigestState(0.5, 0.95, 0.99)(duration_ms) AS latency
    FROM attempts GROUP BY subscription_id, minute, tenant_id`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS event_minutes_of_events TO event_minutes AS
    SELECT subscription_id, toStartOfMinute(accepted_at) AS minute, tenant_id, event_type, count() AS events,
      max(accepted_at) AS last_seen
    FROM events GROUP BY subscription_id, minute, tenant_id, event_type`,
];

/** Every statement may run again. Rows written twice collapse: exact repeats have the same sorting key. */
export function schema(retentionHours: number): string[] {
  return [
    table('events', 'ReplacingMergeTree', KEY, EVENTS, retentionHours),
    table(
      'attempts',
      'ReplacingMergeTree',
      'subscription_id, started_at, attempt_id',
      ATTEMPTS,
      retentionHours,
    ),
    table(
      'dispositions',
      'ReplacingMergeTree',
      'subscription_id, at, delivery_id, what',
      DISPOSITIONS,
      retentionHours,
    ),
    table('deliveries', 'AggregatingMergeTree', KEY, DELIVERIES, retentionHours),
    table(
      'attempt_minutes',
      'AggregatingMergeTree',
      'subscription_id, minute, tenant_id',
      ATTEMPT_MINUTES,
      retentionHours,
    ),
    table(
      'event_minutes',
      'AggregatingMergeTree',
      'subscription_id, minute, tenant_id, event_type',
      EVENT_MINUTES,
      retentionHours,
      ', allow_nullable_key = 1',
    ),
    ...VIEWS,
  ];
}
