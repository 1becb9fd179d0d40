import { decodeCursor, pageOf, type Keyset } from '../cursor.ts';
import type { DeliveryFilter, DeliveryView } from '../delivery-ports.ts';
import type { Page, PageRequest } from '../ports.ts';
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
  const { where, params } = ofFilter(filter, position);
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
  const events = ofFilter(filter, position);
  if (boundary) {
    events.add(
      `accepted_at >= ${msParam('to_at')} AND (accepted_at, delivery_id) >= (${msParam('to_at')}, {to_id:UUID})`,
      { to_at: boundary.at, to_id: boundary.id },
    );
  }
  const derived = createConditions();
  derived.add('status = {status:String}', { status: filter.status });
  const scope = {
    subscription_id: filter.subscription_id,
    from: boundary?.at ?? filter.since,
    to: position?.at ?? filter.until,
  };
  const { query, params } = derivedDeliveries(events.where(), scope, derived.where());
  const rows = await clickhouse.select<DeliveryRow>(`${query} LIMIT {limit:UInt32}`, {
    ...params,
    ...events.params,
    ...derived.params,
    limit,
  });
  return rows.map(toDeliveryView);
}

function ofFilter(filter: DeliveryFilter, position: Keyset | null) {
  const conditions = createConditions();
  conditions.add('subscription_id = {subscription_id:UUID}', { subscription_id: filter.subscription_id });
  conditions.add('event_type = {event_type:String}', { event_type: filter.event_type });
  conditions.add(`accepted_at >= ${msParam('since')}`, { since: filter.since });
  conditions.add(`accepted_at < ${msParam('until')}`, { until: filter.until });
  if (position) {
    conditions.add(beforePosition('accepted_at', 'delivery_id', 'from'), {
      from_at: position.at,
      from_id: position.id,
    });
  }
  return conditions;
}
