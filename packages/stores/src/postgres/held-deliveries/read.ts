import type { EventRow } from '@milena/domain';
import { decodeCursor, idOrder, pageOf } from '../../cursor.ts';
import type {
  DeliveryFilter,
  DeliveryReader,
  DeliveryView,
  EventDeliveryFilter,
} from '../../delivery-ports.ts';
import type { Page, PageRequest } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { msTime, timeOrNull } from '../sql.ts';

const IDENTITY = `delivery_id, event_id, tenant_id, subscription_id, event_type, content_type, replay_of, target_url,
  ${msTime('accepted_at')} AS accepted_at`;
/** The same as `idOrder`: what is held and what the history tells go on one page. */
const ID_ORDER = `(right(delivery_id::text, 17) || left(delivery_id::text, 18)) COLLATE "C"`;
/** When the last attempt was, a held delivery does not say. */
const VIEW = `${IDENTITY}, octet_length(payload) AS payload_bytes, 'held' AS status, attempt - 1 AS attempts_made,
  NULL AS last_attempt_at, NULL AS next_attempt_at, 'the subscription is paused' AS reason`;

/** What is held, as deliveries: it is there for as long as the pause lasts, however short the history is. */
export function createHeldDeliveries({ pg }: { pg: Queryable }): DeliveryReader {
  const one = async <Row extends object>(columns: string, deliveryId: string): Promise<Row | null> => {
    const { rows } = await pg.query<Row>(
      `SELECT ${columns} FROM held_deliveries WHERE delivery_id = $1 AND released_at IS NULL`,
      [deliveryId],
    );
    return rows[0] ?? null;
  };
  return {
    find: (deliveryId) => one<DeliveryView>(VIEW, deliveryId),
    event: (deliveryId) => one<EventRow>(`${IDENTITY}, payload, traceparent`, deliveryId),
    list: (filter, page) => listHeld(pg, filter, page),
    ofEvent: (filter, page) => listHeld(pg, filter, page),
  };
}

async function listHeld(
  pg: Queryable,
  filter: Partial<DeliveryFilter & EventDeliveryFilter>,
  page: PageRequest,
): Promise<Page<DeliveryView>> {
  const { subscription_id, event_id, tenant_id, event_type, since, until, status = 'held' } = filter;
  const after = page.cursor === null ? null : decodeCursor(page.cursor);
  if (status !== 'held') return { data: [], next_cursor: null };
  const { rows } = await pg.query<DeliveryView>(
    `SELECT ${VIEW} FROM held_deliveries
     WHERE released_at IS NULL AND ($2::uuid IS NULL OR subscription_id = $2)
       AND ($8::uuid IS NULL OR event_id = $8) AND ($9::text IS NULL OR tenant_id = $9)
       AND ($3::text IS NULL OR event_type = $3)
       AND ($4::timestamptz IS NULL OR held_deliveries.accepted_at >= $4)
       AND ($5::timestamptz IS NULL OR held_deliveries.accepted_at < $5)
       AND ($6::timestamptz IS NULL OR (held_deliveries.accepted_at, ${ID_ORDER}) < ($6, $7))
     ORDER BY held_deliveries.accepted_at DESC, ${ID_ORDER} DESC LIMIT $1`,
    [
      page.limit + 1,
      subscription_id ?? null,
      event_type ?? null,
      timeOrNull(since ?? null),
      timeOrNull(until ?? null),
      timeOrNull(after?.at ?? null),
      after === null ? null : idOrder(after.id),
      event_id ?? null,
      tenant_id ?? null,
    ],
  );
  return pageOf(rows, page.limit, (row) => ({ at: row.accepted_at, id: row.delivery_id }));
}
