import type { StatsBucket, StatsReader, Totals } from '../ports.ts';
import type { ClickHouse } from './client.ts';
import { createConditions, isUuid, msParam } from './conditions.ts';
import { ATTEMPT_COUNTS, ATTEMPT_MINUTE } from './schema.ts';

type Counted = 'success' | 'failed_attempt' | 'failure';
type Latency = [number | null, number | null, number | null];
type AttemptCounts = Record<Counted, number | string> & { latency: Latency };

function counts({ success, failed_attempt, failure, latency: [p50, p95, p99] }: AttemptCounts) {
  return {
    success: Number(success),
    failed_attempt: Number(failed_attempt),
    failure: Number(failure),
    p50_ms: p50,
    p95_ms: p95,
    p99_ms: p99,
  };
}

interface Scope {
  tenant_id?: string;
  subscription_id?: string;
  since: number;
  until?: number;
}

/** Times count by whole minutes: the one that `since` lies in is part of it. */
function ofScope(scope: Scope, at: string) {
  const conditions = createConditions();
  conditions.add('tenant_id = {tenant_id:String}', { tenant_id: scope.tenant_id });
  conditions.add('subscription_id = {subscription_id:UUID}', { subscription_id: scope.subscription_id });
  conditions.add(`${at} >= toStartOfMinute(${msParam('since')})`, { since: scope.since });
  conditions.add(`${at} < ${msParam('until')}`, { until: scope.until });
  return conditions;
}

/**
 * Repeats count once before a merge too; partitions are taken one by one, as a repeat lies in the same one, and of
 * events only key columns are read.
 */
const ONCE = 'SETTINGS do_not_merge_across_partitions_select_final = 1';

/** Attempts are counted by their projection; events and dispositions from their rows. */
export function createStatsReader({ clickhouse }: { clickhouse: ClickHouse }): StatsReader {
  return {
    perMinute: (filter) => perMinute(clickhouse, filter),
    totals: (filter) => totals(clickhouse, filter),
    eventTypes: (filter) => eventTypes(clickhouse, filter),
  };
}

async function perMinute(
  clickhouse: ClickHouse,
  filter: Parameters<StatsReader['perMinute']>[0],
): Promise<StatsBucket[]> {
  if (!isUuid(filter.subscription_id)) return [];
  const { where, params } = ofScope(filter, ATTEMPT_MINUTE);
  const rows = await clickhouse.select<AttemptCounts & { at: number | string }>(
    `SELECT toUnixTimestamp(${ATTEMPT_MINUTE}) AS at, ${ATTEMPT_COUNTS} FROM attempts ${where()}
     GROUP BY at ORDER BY at`,
    params,
  );
  return rows.map((row) => ({ at: Number(row.at) * 1000, ...counts(row) }));
}

async function totals(clickhouse: ClickHouse, scope: Parameters<StatsReader['totals']>[0]): Promise<Totals> {
  const [attempts, events, dispositions] = await Promise.all([
    attemptTotals(clickhouse, scope),
    eventTotal(clickhouse, scope),
    dispositionTotals(clickhouse, scope),
  ]);
  return {
    events,
    attempts: attempts.success + attempts.failed_attempt + attempts.failure,
    ...attempts,
    filtered: dispositions.get('filtered') ?? 0,
    cancelled: dispositions.get('cancelled') ?? 0,
    expired: dispositions.get('expired') ?? 0,
  };
}

async function attemptTotals(clickhouse: ClickHouse, scope: Scope) {
  const { where, params } = ofScope(scope, ATTEMPT_MINUTE);
  const [row] = await clickhouse.select<AttemptCounts>(
    `SELECT ${ATTEMPT_COUNTS} FROM attempts ${where()}`,
    params,
  );
  return counts(row ?? { success: 0, failed_attempt: 0, failure: 0, latency: [null, null, null] });
}

async function eventTotal(clickhouse: ClickHouse, scope: Scope): Promise<number> {
  const { where, params } = ofScope(scope, 'accepted_at');
  const [row] = await clickhouse.select<{ events: number | string }>(
    `SELECT count() AS events FROM events FINAL ${where()} ${ONCE}`,
    params,
  );
  return Number(row?.events ?? 0);
}

async function dispositionTotals(clickhouse: ClickHouse, scope: Scope): Promise<Map<string, number>> {
  const { where, params } = ofScope(scope, 'at');
  const rows = await clickhouse.select<{ what: string; deliveries: number | string }>(
    `SELECT what, uniqExact(delivery_id) AS deliveries FROM dispositions ${where()} GROUP BY what`,
    params,
  );
  return new Map(rows.map((row) => [row.what, Number(row.deliveries)]));
}

async function eventTypes(
  clickhouse: ClickHouse,
  { limit, ...scope }: Parameters<StatsReader['eventTypes']>[0],
): Promise<{ event_type: string; events: number; last_seen: number }[]> {
  const { add, where, params } = ofScope(scope, 'accepted_at');
  add('event_type IS NOT NULL', {});
  const rows = await clickhouse.select<{
    event_type: string;
    events: number | string;
    last_seen: number | string;
  }>(
    `SELECT event_type, count() AS events, toUnixTimestamp64Milli(max(accepted_at)) AS last_seen
     FROM events FINAL ${where()}
     GROUP BY event_type ORDER BY events DESC, event_type LIMIT {limit:UInt32} ${ONCE}`,
    { ...params, limit },
  );
  return rows.map((row) => ({
    event_type: row.event_type,
    events: Number(row.events),
    last_seen: Number(row.last_seen),
  }));
}
