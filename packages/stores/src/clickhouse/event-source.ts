import type { EventRow } from '@milena/domain';
import type { ReplayFilter, ReplayPosition, ReplaySource } from '../replay-ports.ts';
import type { ClickHouse } from './client.ts';
import { createConditions, isUuid, msParam } from './conditions.ts';
import { derivedDeliveries } from './derived-deliveries.ts';
import { STORED_EVENT_COLUMNS, toEventRow, type StoredEvent } from './event-row.ts';

/**
 * Events that a step looks at: a few, among which there is mostly enough, and when there isn't, many more, so that a status
 * that hardly occurs is found soon.
 */
const LOOKS = [1000, 9000];
/** Of one look: all of a step's may match, and be in memory at once, when it is made again after a crash. */
const LOOK_BYTES = 16 * 1024 * 1024;

interface Match extends ReplayPosition {
  bytes: number;
}

/**
 * One subscription's deliveries as they stand, by acceptance. A step ends where enough of them match, or where it has
 * looked at so many that its status was asked of. What went to another URL is none of the subscription's own.
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
      const { found, end } =
        bounds.end === null
          ? await findStep(clickhouse, filter, after, bounds)
          : { found: await matchesOf(clickhouse, filter, after, bounds.end), end: bounds.end };
      if (end === null) return { items: [], end };
      return { items: await eventsOf(clickhouse, filter, after, end, found), end };
    },
  };
}

const isSearchable = ({ subscription_id }: ReplayFilter): boolean =>
  subscription_id !== null && isUuid(subscription_id);

/** What the next step gives, and where it ends; null when no event follows. */
async function findStep(
  clickhouse: ClickHouse,
  filter: ReplayFilter,
  after: ReplayPosition | null,
  { limit, max_bytes }: { limit: number; max_bytes: number },
): Promise<{ found: Match[]; end: ReplayPosition | null }> {
  const found: Match[] = [];
  let reached = after;
  let bytes = 0;
  for (const events of LOOKS) {
    const end = await endOfLook(clickhouse, filter, reached, events);
    if (end === null) break;
    for (const match of await matchesOf(clickhouse, filter, reached, end, limit - found.length)) {
      bytes += match.bytes;
      const last = found.at(-1);
      if (last !== undefined && bytes > max_bytes) return { found, end: positionOf(last) };
      found.push(match);
    }
    const last = found.at(-1);
    if (last !== undefined && found.length >= limit) return { found, end: positionOf(last) };
    reached = end;
  }
  return { found, end: reached === after ? null : reached };
}

const positionOf = ({ at, id }: ReplayPosition): ReplayPosition => ({ at, id });

/** The key of the last of so many events, or of fewer when they are large; null when no event follows. */
async function endOfLook(
  clickhouse: ClickHouse,
  filter: ReplayFilter,
  after: ReplayPosition | null,
  events: number,
): Promise<ReplayPosition | null> {
  const following = between(filter, after, null);
  const [end] = await clickhouse.select<{ at: number | string; id: string }>(
    `SELECT toUnixTimestamp64Milli(accepted_at) AS at, delivery_id AS id FROM (
       SELECT accepted_at, delivery_id,
         sum(toUInt64(payload_bytes)) OVER (ORDER BY accepted_at, delivery_id ROWS UNBOUNDED PRECEDING) - payload_bytes AS before
       FROM (
         SELECT accepted_at, delivery_id, payload_bytes FROM events ${following.where()}
         ORDER BY accepted_at, delivery_id LIMIT {events:UInt32}))
     WHERE before < {look_bytes:UInt64} ORDER BY accepted_at DESC, delivery_id DESC LIMIT 1`,
    { ...following.params, events, look_bytes: LOOK_BYTES },
  );
  return end === undefined ? null : { at: Number(end.at), id: end.id };
}

/** Those of the status asked for, oldest first. */
async function matchesOf(
  clickhouse: ClickHouse,
  filter: ReplayFilter,
  after: ReplayPosition | null,
  end: ReplayPosition,
  limit?: number,
): Promise<Match[]> {
  const { query, params } = derived(filter, after, end);
  const rows = await clickhouse.select<Record<'at' | 'bytes', number | string> & { id: string }>(
    `SELECT delivery_id AS id, accepted_ms AS at, payload_bytes AS bytes FROM (${query})
     ORDER BY accepted_ms, delivery_id ${limit === undefined ? '' : 'LIMIT {limit:UInt32}'}`,
    { ...params, ...(limit !== undefined && { limit }) },
  );
  return rows.map(({ at, id, bytes }) => ({ at: Number(at), id, bytes: Number(bytes) }));
}

/** With their bytes, oldest first. */
async function eventsOf(
  clickhouse: ClickHouse,
  filter: ReplayFilter,
  after: ReplayPosition | null,
  end: ReplayPosition,
  found: readonly { id: string }[],
): Promise<EventRow[]> {
  if (found.length === 0) return [];
  const events = between(filter, after, end);
  const ids = found.map(({ id }) => id);
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
  conditions.add('target_url IS NULL', {});
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
