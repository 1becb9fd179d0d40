import { newId } from '@milena/domain';
import type { IdempotencyClaim, IdempotencySeed } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { nameOf, type Times } from './times.ts';

/**
 * Stores the keys that nobody used in the last 24 hours and returns their seeds by name. In key order, so that two calls
 * with the same keys wait for each other rather than deadlock.
 */
export async function insertNewKeys(
  pg: Queryable,
  claims: readonly IdempotencyClaim[],
  times: Times,
): Promise<Map<string, IdempotencySeed>> {
  const { rows } = await pg.query<{ scope: string; key: string; seed_id: string }>(
    `INSERT INTO idempotency_keys (day, scope, key, request_hash, seed_id, created_at, claimed_at)
     SELECT $5, c.scope, c.key, c.request_hash, c.seed_id, $6, $6
     FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) AS c (scope, key, request_hash, seed_id)
     WHERE NOT EXISTS (SELECT 1 FROM idempotency_keys k
       WHERE k.scope = c.scope AND k.key = c.key AND k.day = ANY ($7::date[]) AND k.created_at > $8)
     ORDER BY c.scope, c.key
     ON CONFLICT DO NOTHING
     RETURNING scope, key, seed_id`,
    [
      claims.map(({ scope }) => scope),
      claims.map(({ key }) => key),
      claims.map(({ request_hash }) => request_hash),
      claims.map(() => newId(times.nowMs)),
      times.today,
      times.now,
      times.otherDays,
      times.expired,
    ],
  );
  return new Map(rows.map((row) => [nameOf(row), { seed_id: row.seed_id, again: false }]));
}
