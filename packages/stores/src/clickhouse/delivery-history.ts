import { timeOfId } from '@milena/domain';
import type { DeliveryReader } from '../delivery-ports.ts';
import type { ClickHouse } from './client.ts';
import { createConditions, isUuid, msParam } from './conditions.ts';
import { derivedDeliveries, toDeliveryView, type DeliveryRow } from './derived-deliveries.ts';
import { STORED_EVENT_COLUMNS, toEventRow, type StoredEvent } from './event-row.ts';
import { deliveriesOfEvent } from './event-deliveries.ts';
import { listDeliveries } from './list-deliveries.ts';

export function createDeliveryHistory({ clickhouse }: { clickhouse: ClickHouse }): DeliveryReader {
  return {
    find: async (deliveryId) => {
      if (!isUuid(deliveryId)) return null;
      const events = byDelivery(deliveryId);
      const accepted = timeOfId(deliveryId) ?? undefined;
      const scope = { delivery_id: deliveryId, from: accepted, to: accepted };
      const { query, params } = derivedDeliveries(events.where(), scope);
      const [row] = await clickhouse.select<DeliveryRow>(query, { ...params, ...events.params });
      return row ? toDeliveryView(row) : null;
    },
    list: (filter, page) => listDeliveries(clickhouse, filter, page),
    ofEvent: (filter, page) => deliveriesOfEvent(clickhouse, filter, page),
    event: async (deliveryId) => {
      if (!isUuid(deliveryId)) return null;
      const { where, params } = byDelivery(deliveryId);
      const [row] = await clickhouse.select<StoredEvent>(
        `SELECT ${STORED_EVENT_COLUMNS} FROM events ${where()} LIMIT 1`,
        params,
      );
      return row ? toEventRow(row) : null;
    },
  };
}

/** The id's own time narrows the search to one partition and a few granules of it. */
function byDelivery(deliveryId: string) {
  const conditions = createConditions();
  conditions.add('delivery_id = {delivery_id:UUID}', { delivery_id: deliveryId });
  const accepted_at = timeOfId(deliveryId) ?? undefined;
  conditions.add(`accepted_at = ${msParam('accepted_at')}`, { accepted_at });
  return conditions;
}
