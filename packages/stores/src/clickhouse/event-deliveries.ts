import { timeOfId } from '@milena/domain';
import { decodeCursor, pageOf, type Keyset } from '../cursor.ts';
import type { DeliveryView, EventDeliveryFilter } from '../delivery-ports.ts';
import type { Page, PageRequest } from '../ports.ts';
import type { ClickHouse } from './client.ts';
import { beforePosition, createConditions, isUuid, msParam } from './conditions.ts';
import { derivedDeliveries, toDeliveryView, type DeliveryRow } from './derived-deliveries.ts';
import { CLOCK_SKEW_MS } from './facts.ts';

/** Deliveries looked at in one step where a status is asked for, which is known only after aggregating. */
const CHUNK = 500;

interface DeliveryKey extends Keyset {
  subscription_id: string;
}

/**
 * Newest first. The keys of the event's deliveries come first, by their own index; what happened to these is then read by
 * subscription and time, as the tables are ordered, and not by searching all of them.
 *
 * @throws BadCursorError
 */
export async function deliveriesOfEvent(
  clickhouse: ClickHouse,
  filter: EventDeliveryFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<DeliveryView>> {
  let position = cursor === null ? null : decodeCursor(cursor);
  if (!isUuid(filter.event_id)) return { data: [], next_cursor: null };
  const found: DeliveryView[] = [];
  const chunk = filter.status === undefined ? limit + 1 : CHUNK;
  while (found.length <= limit) {
    const keys = await keysOf(clickhouse, filter, position, chunk);
    const [newest, oldest] = [keys[0], keys.at(-1)];
    if (newest === undefined || oldest === undefined) break;
    found.push(...(await read(clickhouse, keys, { from: oldest.at, to: newest.at }, filter.status)));
    if (keys.length < chunk) break;
    position = oldest;
  }
  return pageOf(found, limit, (row) => ({ at: row.accepted_at, id: row.delivery_id }));
}

async function keysOf(
  clickhouse: ClickHouse,
  { event_id, tenant_id, until }: EventDeliveryFilter,
  position: Keyset | null,
  limit: number,
): Promise<DeliveryKey[]> {
  const { add, where, params } = createConditions();
  add('event_id = {event_id:UUID}', { event_id });
  add('tenant_id = {tenant_id:String}', { tenant_id });
  // Nothing of an event is older than its id; how much younger a replay is, nobody knows.
  const begin = timeOfId(event_id);
  add(`accepted_at >= ${msParam('begin')}`, { begin: begin === null ? undefined : begin - CLOCK_SKEW_MS });
  add(`accepted_at < ${msParam('until')}`, { until });
  if (position) {
    add(beforePosition('accepted_at', 'delivery_id', 'from'), { from_at: position.at, from_id: position.id });
  }
  const rows = await clickhouse.select<Omit<DeliveryKey, 'at'> & { at: number | string }>(
    `SELECT toUnixTimestamp64Milli(accepted_at) AS at, delivery_id AS id, subscription_id FROM events ${where()}
     ORDER BY accepted_at DESC, delivery_id DESC LIMIT 1 BY delivery_id LIMIT {limit:UInt32}`,
    { ...params, limit },
  );
  return rows.map((row) => ({ ...row, at: Number(row.at) }));
}

/** @param range when the first and the last of them were accepted, ms since the epoch */
async function read(
  clickhouse: ClickHouse,
  keys: readonly DeliveryKey[],
  range: { from: number; to: number },
  status: DeliveryView['status'] | undefined,
): Promise<DeliveryView[]> {
  const subscription_ids = [...new Set(keys.map((key) => key.subscription_id))];
  const delivery_ids = keys.map(({ id }) => id);
  const events = createConditions();
  events.add('subscription_id IN {subscription_ids:Array(UUID)}', { subscription_ids });
  events.add('delivery_id IN {delivery_ids:Array(UUID)}', { delivery_ids });
  events.add(`accepted_at >= ${msParam('from')} AND accepted_at <= ${msParam('to')}`, range);
  const derived = createConditions();
  derived.add('status = {status:String}', { status });
  const scope = { subscription_ids, delivery_ids, ...range };
  const { query, params } = derivedDeliveries(events.where(), scope, derived.where());
  const rows = await clickhouse.select<DeliveryRow>(query, {
    ...params,
    ...events.params,
    ...derived.params,
  });
  return rows.map(toDeliveryView);
}
