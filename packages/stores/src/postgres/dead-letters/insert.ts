import type { DeadLetter } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** One statement for the whole batch; letters that are there already stay as they are. */
export async function insertDeadLetters(pg: Queryable, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return;
  await pg.query(
    `INSERT INTO dead_letters (delivery_id, event_id, tenant_id, subscription_id, event_type, content_type, payload,
       accepted_at, replay_of, target_url, traceparent, status, reason, attempts, dead_lettered_at)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::bytea[],
       $8::timestamptz[], $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::int[], $15::timestamptz[])
       AS l (delivery_id)
     ORDER BY l.delivery_id
     ON CONFLICT (delivery_id) DO NOTHING`,
    [
      letters.map((letter) => letter.delivery_id),
      letters.map((letter) => letter.event_id),
      letters.map((letter) => letter.tenant_id),
      letters.map((letter) => letter.subscription_id),
      letters.map((letter) => letter.event_type),
      letters.map((letter) => letter.content_type),
      letters.map((letter) => letter.payload),
      letters.map((letter) => timeOf(letter.accepted_at)),
      letters.map((letter) => letter.replay_of),
      letters.map((letter) => letter.target_url),
      letters.map((letter) => letter.traceparent),
      letters.map((letter) => letter.status),
      letters.map((letter) => letter.reason),
      letters.map((letter) => letter.attempts),
      letters.map((letter) => timeOf(letter.dead_lettered_at)),
    ],
  );
}
