import type { EventRow } from '@milena/domain';
import type { ReplayFilter, ReplayPosition, ReplaySource } from '../replay-ports.ts';
import type { ClickHouse } from './client.ts';
import { createConditions, isUuid, msParam } from './conditions.ts';
import { derivedDeliveries } from './derived-deliveries.ts';
import { STORED_EVENT_COLUMNS, toEventRow, type StoredEvent } from './event-row.ts';

interface Key {
  at: number | string;
  id: string;
  bytes: number | string;
}

/**
 * One subscription's deliveries as they stand, by acceptance. A step covers a number of events, whatever their status, so
 * that none costs more than another; the status of each is derived when its turn comes.
 */
export function createEventSource({ clickhouse }: { clickhouse: ClickHouse }): ReplaySource {
  return {
    count: async (filter) => {
      if (!isSearchable(filter)) return 0;
      const { query, params } = derived(filter, null, null);
      const [row] = await clickhouse.select<{ count: number | string }>(
        `SELECT count() AS count FROM (${query})`,
        params,
      );
      return Number(row?.count ?? 0);
    },
    next: async (filter, after, bounds) => {
      if (!isSearchable(filter)) return { items: [], end: null };
      const end = bounds.end ?? (await endOfStep(clickhouse, filter, after, bounds));
      if (end === null) return { items: [], end };
      const { query, params } = derived(filter, after, end);
      const found = await clickhouse.select<{ delivery_id: string }>(
        `SELECT delivery_id FROM (${query})`,
        params,
      );
      return { items: await eventsOf(clickhouse, filter, after, end, found), end };
    },
  };
}

const isSearchable = ({ subscription_id }: ReplayFilter): boolean =>
  subscription_id !== null && isUuid(subscription_id);

/** Where a step ends: after so many events or bytes; null when no event follows. */
async function endOfStep(
  clickhouse: ClickHouse,
  filter: ReplayFilter,
  after: ReplayPosition | null,
  bounds: { limit: number; max_bytes: number },
): Promise<ReplayPosition | null> {
  const events = between(filter, after, null);
  const keys = await clickhouse.select<Key>(
    `SELECT toUnixTimestamp64Milli(accepted_at) AS at, delivery_id AS id, payload_bytes AS bytes
     FROM events ${events.where()} ORDER BY accepted_at, delivery_id LIMIT {limit:UInt32}`,
    { ...events.params, limit: bounds.limit },
  );
  let bytes = 0;
  let end: Key | null = null;
  for (const key of keys) {
    bytes += Number(key.bytes);
    if (end !== null && bytes > bounds.max_bytes) break;
    end = key;
  }
  return end === null ? null : { at: Number(end.at), id: end.id };
}

/** With their bytes, oldest first. */
async function eventsOf(
  clickhouse: ClickHouse,
  filter: ReplayFilter,
  after: ReplayPosition | null,
  end: ReplayPosition,
  found: readonly { delivery_id: string }[],
): Promise<EventRow[]> {
  if (found.length === 0) return [];
  const events = between(filter, after, end);
  const ids = found.map(({ delivery_id }) => delivery_id);
  events.add('delivery_id IN {found:Array(UUID)}', { found: ids });
  const rows = await clickhouse.select<StoredEvent>(
    `SELECT ${STORED_EVENT_COLUMNS} FROM events ${events.where()}
     ORDER BY accepted_at, delivery_id LIMIT 1 BY delivery_id`,
    events.params,
  );
  return rows.map(toEventRow);
}

function derived(filter: ReplayFilter, after: ReplayPosition | null, end: ReplayPosition | null) {
  const events = between(filter, after, end);
  const wanted = createConditions();
  wanted.add('status IN {statuses:Array(String)}', { statuses: filter.statuses });
  const scope = {
    subscription_id: filter.subscription_id ?? undefined,
    from: after?.at ?? filter.since ?? undefined,
    to: end?.at ?? filter.until,
  };
  const { query, params } = derivedDeliveries(events.where(), scope, wanted.where());
  return { query, params: { ...params, ...events.params, ...wanted.params } };
}

/** The events that a filter is about, after one position and up to another. */
function between(filter: ReplayFilter, after: ReplayPosition | null, end: ReplayPosition | null) {
  const conditions = createConditions();
  conditions.add('subscription_id = {subscription_id:UUID}', { subscription_id: filter.subscription_id });
  conditions.add('event_type = {event_type:String}', { event_type: filter.event_type ?? undefined });
  conditions.add(`accepted_at >= ${msParam('since')}`, { since: filter.since ?? undefined });
  conditions.add(`accepted_at < ${msParam('until')}`, { until: filter.until });
  conditions.add('delivery_id IN {ids:Array(UUID)}', { ids: filter.ids ?? undefined });
  // The first half of each prunes, the second decides.
  conditions.add(
    `accepted_at >= ${msParam('after_at')} AND (accepted_at, delivery_id) > (${msParam('after_at')}, {after_id:UUID})`,
    { after_at: after?.at, after_id: after?.id },
  );
  conditions.add(
    `accepted_at <= ${msParam('end_at')} AND (accepted_at, delivery_id) <= (${msParam('end_at')}, {end_id:UUID})`,
    { end_at: end?.at, end_id: end?.id },
  );
  return conditions;
}
