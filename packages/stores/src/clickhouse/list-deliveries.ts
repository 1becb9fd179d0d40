import { decodeCursor, pageOf, type Keyset } from '../cursor.ts';
import type { DeliveryFilter, DeliveryView, Page, PageRequest } from '../ports.ts';
import type { ClickHouse } from './client.ts';
import { beforePosition, createConditions, isUuid, msParam } from './conditions.ts';
import { derivedDeliveries, toDeliveryView, type DeliveryRow } from './derived-deliveries.ts';

/**
 * Events looked through for a page by status at first, and by how much more each further time: most pages are full
 * after one step, and a status that hardly occurs is found in a few steps over the whole subscription.
 */
const FIRST_CHUNK = 1000;
const CHUNK_GROWTH = 8;

/**
 * Newest first. Goes through the subscription's events in chunks, since a status is known only after aggregating; a
 * chunk is cut by its boundary key, which the events table gives without reading more than the chunk's keys.
 *
 * @throws BadCursorError
 */
export async function listDeliveries(
  clickhouse: ClickHouse,
  filter: DeliveryFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<DeliveryView>> {
  let position = cursor === null ? null : decodeCursor(cursor);
  if (!isUuid(filter.subscription_id)) return { data: [], next_cursor: null };
  const found: DeliveryView[] = [];
  let chunk = filter.status === undefined ? limit + 1 : FIRST_CHUNK;
  while (found.length <= limit) {
    const boundary = await keyAhead(clickhouse, filter, position, chunk);
    found.push(...(await between(clickhouse, filter, position, boundary, limit + 1 - found.length)));
    if (boundary === null) break;
    position = boundary;
    chunk *= CHUNK_GROWTH;
  }
  return pageOf(found, limit, (row) => ({ at: row.accepted_at, id: row.delivery_id }));
}

/** The key of the `count`th event from the position on; null when there are fewer. */
async function keyAhead(
  clickhouse: ClickHouse,
  filter: DeliveryFilter,
  position: Keyset | null,
  count: number,
): Promise<Keyset | null> {
  const { add, where, params } = ofFilter(filter, position, '');
  add('event_type = {event_type:String}', { event_type: filter.event_type });
  const [key] = await clickhouse.select<{ at: number | string; id: string }>(
    `SELECT toUnixTimestamp64Milli(accepted_at) AS at, delivery_id AS id FROM events ${where()}
     ORDER BY accepted_at DESC, delivery_id DESC LIMIT 1 OFFSET {offset:UInt32}`,
    { ...params, offset: count - 1 },
  );
  return key ? { at: Number(key.at), id: key.id } : null;
}

/** Deliveries that match from the position down to the boundary, boundary included. */
async function between(
  clickhouse: ClickHouse,
  filter: DeliveryFilter,
  position: Keyset | null,
  boundary: Keyset | null,
  limit: number,
): Promise<DeliveryView[]> {
  const { add, where, params } = ofFilter(filter, position, 'd.');
  if (boundary) {
    add(
      `d.accepted_at >= ${msParam('to_at')} AND (d.accepted_at, d.delivery_id) >= (${msParam('to_at')}, {to_id:UUID})`,
      { to_at: boundary.at, to_id: boundary.id },
    );
  }
  const having = createConditions();
  having.add('status = {status:String}', { status: filter.status });
  having.add('event_type = {event_type:String}', { event_type: filter.event_type });
  const rows = await clickhouse.select<DeliveryRow>(
    `${derivedDeliveries(where(), having.texts)}
     ORDER BY d.accepted_at DESC, d.delivery_id DESC LIMIT {limit:UInt32}`,
    { ...params, ...having.params, limit },
  );
  return rows.map(toDeliveryView);
}

function ofFilter(filter: DeliveryFilter, position: Keyset | null, prefix: string) {
  const conditions = createConditions();
  conditions.add(`${prefix}subscription_id = {subscription_id:UUID}`, {
    subscription_id: filter.subscription_id,
  });
  conditions.add(`${prefix}accepted_at >= ${msParam('since')}`, { since: filter.since });
  conditions.add(`${prefix}accepted_at < ${msParam('until')}`, { until: filter.until });
  if (position) {
    conditions.add(beforePosition(`${prefix}accepted_at`, `${prefix}delivery_id`, 'from'), {
      from_at: position.at,
      from_id: position.id,
    });
  }
  return conditions;
}
