import type { HeldDelivery } from '../../held-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf, timeOrNull } from '../sql.ts';

/**
 * One statement for the whole batch, in its order. A row that was released is taken back only by a later hold, which
 * knows of that release by its `resumed_at`: a record that is read once more doesn't.
 */
export async function insertHeld(pg: Queryable, held: readonly HeldDelivery[]): Promise<void> {
  if (held.length === 0) return;
  const deliveries = held.map(({ delivery }) => delivery);
  await pg.query(
    `INSERT INTO held_deliveries AS h (delivery_id, event_id, tenant_id, subscription_id, event_type, content_type, payload,
       accepted_at, attempt, may_repeat, replay_of, target_url, traceparent, resumed_at, held_at)
     SELECT delivery_id, event_id, tenant_id, subscription_id, event_type, content_type, payload, accepted_at, attempt,
       may_repeat, replay_of, target_url, traceparent, resumed_at, held_at
     FROM (
       SELECT DISTINCT ON (delivery_id) * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[],
         $7::bytea[], $8::timestamptz[], $9::int[], $10::boolean[], $11::uuid[], $12::text[], $13::text[],
         $14::timestamptz[], $15::timestamptz[]) WITH ORDINALITY AS l (delivery_id, event_id, tenant_id, subscription_id, event_type,
         content_type, payload, accepted_at, attempt, may_repeat, replay_of, target_url, traceparent, resumed_at, held_at, n)
       ORDER BY delivery_id, resumed_at DESC NULLS LAST, n
     ) AS latest
     ORDER BY n
     ON CONFLICT (delivery_id) DO UPDATE
       SET payload = excluded.payload, attempt = excluded.attempt, may_repeat = excluded.may_repeat, resumed_at = excluded.resumed_at,
         held_at = excluded.held_at, released_at = NULL
       WHERE h.released_at IS NOT NULL AND excluded.resumed_at > coalesce(h.resumed_at, '-infinity')`,
    [
      deliveries.map((row) => row.delivery_id),
      deliveries.map((row) => row.event_id),
      deliveries.map((row) => row.tenant_id),
      deliveries.map((row) => row.subscription_id),
      deliveries.map((row) => row.event_type),
      deliveries.map((row) => row.content_type),
      deliveries.map((row) => row.payload),
      deliveries.map((row) => timeOf(row.accepted_at)),
      deliveries.map((row) => row.attempt),
      deliveries.map((row) => row.may_repeat),
      deliveries.map((row) => row.replay_of),
      deliveries.map((row) => row.target_url),
      deliveries.map((row) => row.traceparent),
      deliveries.map((row) => timeOrNull(row.resumed_at)),
      held.map((row) => timeOf(row.held_at)),
    ],
  );
}
