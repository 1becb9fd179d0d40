import { NO_ID, OUTCOME_LABELS, timeOfId, type Attempt, type AttemptView } from '@milena/domain';
import { decodeCursor, pageOf, type Keyset } from '../cursor.ts';
import {
  BadCursorError,
  type AttemptFilter,
  type AttemptReader,
  type Page,
  type PageRequest,
} from '../ports.ts';
import type { ClickHouse } from './client.ts';
import { beforePosition, createConditions, isUuid, msParam } from './conditions.ts';

type AttemptRow = Omit<Attempt, 'started_at' | 'next_attempt_at' | 'accepted_at'> & {
  started_ms: number | string;
  next_attempt_ms: number | string | null;
  recorded_us: number | string;
};

const COLUMNS = `attempt_id, delivery_id, event_id, tenant_id, subscription_id, event_type, target_url, attempt_number,
  toUnixTimestamp64Milli(started_at) AS started_ms, duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms,
  resolved_address, subscription_version, breaker_state, lane_state, outcome, http_status, error_kind, error_detail,
  response_headers, response_body, toUnixTimestamp64Milli(next_attempt_at) AS next_attempt_ms, next_reason, replay_of,
  may_repeat, worker, toUnixTimestamp64Micro(recorded_at) AS recorded_us`;

/**
 * A search over all subscriptions goes through time in windows back from its end, as the newest rows lie in no order
 * across subscriptions: nearly always the first hour fills the page.
 */
const WINDOWS_MS = [3_600_000, 12 * 3_600_000];

/**
 * How long rows must have been stored before the tail shows them. Two inserts that overlap may become visible in
 * either order; one that takes longer than this from its stamp to its commit is passed over by the tail.
 */
const TAIL_GRACE_MS = 1000;

type TailBatch = Awaited<ReturnType<AttemptReader['tail']>>;

export function createAttemptReader({ clickhouse }: { clickhouse: ClickHouse }): AttemptReader {
  return {
    search: (filter, page) => search(clickhouse, filter, page),
    tail: (mark, limit, tenantId) =>
      mark === null ? tailFromNow(clickhouse) : tailAfter(clickhouse, mark, { limit, tenant_id: tenantId }),
  };
}

async function search(
  clickhouse: ClickHouse,
  filter: AttemptFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<AttemptView>> {
  const position = cursor === null ? null : decodeCursor(cursor);
  const ids = [filter.subscription_id, filter.delivery_id].filter((id) => id !== undefined);
  if (!ids.every(isUuid)) return { data: [], next_cursor: null };
  const end = ids.length > 0 ? null : (position?.at ?? (await newestTime(clickhouse, filter)));
  const windows = end === null ? [] : WINDOWS_MS.map((width) => end - width);
  let rows: AttemptRow[] = [];
  for (const since of [...windows.filter((start) => start > (filter.since ?? 0)), filter.since]) {
    rows = await newest(
      clickhouse,
      { ...filter, ...(since !== undefined && { since }) },
      position,
      limit + 1,
    );
    if (rows.length > limit) break;
  }
  const page = pageOf(rows, limit, (row) => ({ at: Number(row.started_ms), id: row.attempt_id }));
  return { data: page.data.map(toView), next_cursor: page.next_cursor };
}

/** The time of the newest attempt that can be on the first page; null when there is none. */
async function newestTime(clickhouse: ClickHouse, filter: AttemptFilter): Promise<number | null> {
  const { add, where, params } = createConditions();
  add(`started_at < ${msParam('until')}`, { until: filter.until });
  const [row] = await clickhouse.select<{ at: number | string; attempts: number | string }>(
    `SELECT toUnixTimestamp64Milli(max(started_at)) AS at, count() AS attempts FROM attempts ${where()}`,
    params,
  );
  return row && Number(row.attempts) > 0 ? Number(row.at) : null;
}

function newest(clickhouse: ClickHouse, filter: AttemptFilter, position: Keyset | null, limit: number) {
  const { add, where, params } = ofFilter(filter);
  if (position) {
    add(beforePosition('started_at', 'attempt_id', 'from'), { from_at: position.at, from_id: position.id });
  }
  return clickhouse.select<AttemptRow>(
    `SELECT ${COLUMNS} FROM attempts ${where()}
     ORDER BY started_at DESC, attempt_id DESC LIMIT 1 BY attempt_id LIMIT {limit:UInt32}`,
    { ...params, limit },
  );
}

/** Up to when the tail reads now, µs since the epoch. */
async function tailHorizon(clickhouse: ClickHouse): Promise<number> {
  const [now] = await clickhouse.select<{ us: number | string }>(
    `SELECT toUnixTimestamp64Micro(now64(6)) - ${TAIL_GRACE_MS * 1000} AS us`,
    {},
  );
  return Number(now?.us ?? 0);
}

async function tailFromNow(clickhouse: ClickHouse): Promise<TailBatch> {
  return { data: [], mark: encodeMark(await tailHorizon(clickhouse), NO_ID) };
}

async function tailAfter(
  clickhouse: ClickHouse,
  mark: string,
  { limit, tenant_id }: { limit: number; tenant_id: string | undefined },
): Promise<TailBatch> {
  const { us, id } = decodeMark(mark);
  const horizon = await tailHorizon(clickhouse);
  const { add, where, params } = createConditions();
  add('recorded_at >= fromUnixTimestamp64Micro({us:Int64})', { us });
  add('(recorded_at, attempt_id) > (fromUnixTimestamp64Micro({us:Int64}), {id:UUID})', { id });
  add('recorded_at < fromUnixTimestamp64Micro({horizon:Int64})', { horizon });
  add('tenant_id = {tenant_id:String}', { tenant_id });
  const rows = await clickhouse.select<AttemptRow>(
    `SELECT ${COLUMNS} FROM attempts ${where()}
     ORDER BY recorded_at, attempt_id LIMIT 1 BY attempt_id LIMIT {limit:UInt32}`,
    { ...params, limit },
  );
  return { data: rows.map(toView), mark: nextMark(rows, { mark, us, horizon, limit }) };
}

/** A mark ahead of the horizon, as another server's clock may have made it, stays: going back would double attempts. */
function nextMark(
  rows: readonly AttemptRow[],
  { mark, us, horizon, limit }: { mark: string; us: string; horizon: number; limit: number },
): string {
  const last = rows.at(-1);
  if (last && rows.length >= limit) return encodeMark(last.recorded_us, last.attempt_id);
  return horizon > Number(us) ? encodeMark(horizon, NO_ID) : mark;
}

function ofFilter(filter: AttemptFilter) {
  const conditions = createConditions();
  conditions.add('tenant_id = {tenant_id:String}', { tenant_id: filter.tenant_id });
  conditions.add('subscription_id = {subscription_id:UUID}', { subscription_id: filter.subscription_id });
  conditions.add('delivery_id = {delivery_id:UUID}', { delivery_id: filter.delivery_id });
  if (filter.delivery_id !== undefined) {
    // No attempt precedes its delivery, and the id's time leaves few granules to look at.
    const accepted_at = timeOfId(filter.delivery_id) ?? undefined;
    conditions.add(`accepted_at = ${msParam('accepted_at')}`, { accepted_at });
  }
  conditions.add('outcome = {outcome:String}', { outcome: filter.outcome });
  conditions.add('event_type = {event_type:String}', { event_type: filter.event_type });
  conditions.add(`started_at >= ${msParam('since')}`, { since: filter.since });
  conditions.add(`started_at < ${msParam('until')}`, { until: filter.until });
  return conditions;
}

const encodeMark = (us: number | string, id: string) => Buffer.from(`${us}/${id}`).toString('base64url');

function decodeMark(mark: string): { us: string; id: string } {
  const [us = '', id = ''] = Buffer.from(mark, 'base64url').toString('latin1').split('/');
  if (!/^\d{1,18}$/.test(us) || !isUuid(id)) throw new BadCursorError('not a mark of the attempt tail');
  return { us, id };
}

const iso = (ms: number | string) => new Date(Number(ms)).toISOString();

function toView(row: AttemptRow): AttemptView {
  return {
    id: row.attempt_id,
    delivery_id: row.delivery_id,
    event_id: row.event_id,
    tenant_id: row.tenant_id,
    subscription_id: row.subscription_id,
    event_type: row.event_type,
    target_url: row.target_url,
    attempt_number: row.attempt_number,
    started_at: iso(row.started_ms),
    duration_ms: row.duration_ms,
    timings: {
      dns_ms: row.dns_ms,
      connect_ms: row.connect_ms,
      tls_ms: row.tls_ms,
      first_byte_ms: row.first_byte_ms,
    },
    resolved_address: row.resolved_address,
    subscription_version: row.subscription_version,
    breaker_state: row.breaker_state,
    lane_state: row.lane_state,
    outcome: row.outcome,
    outcome_label: OUTCOME_LABELS[row.outcome],
    http_status: row.http_status,
    error_kind: row.error_kind,
    error_detail: row.error_detail,
    response_headers: row.response_headers,
    response_body: row.response_body,
    next_attempt_at: row.next_attempt_ms === null ? null : iso(row.next_attempt_ms),
    next_reason: row.next_reason,
    replay_of: row.replay_of,
    may_repeat: row.may_repeat,
    worker: row.worker,
  };
}
