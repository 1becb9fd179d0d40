import { newId } from '@milena/domain';
import type { IdempotencyClaim, IdempotencySeed } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { nameOf, type Times } from './times.ts';

/**
 * Gives keys of dead or resigned holders to us and returns their seeds by name; those that another takes at this moment
 * are left out. The seed stays while the request is the same: what the earlier holder may have done carries the same ids.
 */
export async function takeOverKeys(
  pg: Queryable,
  claims: readonly IdempotencyClaim[],
  times: Times,
): Promise<Map<string, IdempotencySeed>> {
  if (claims.length === 0) return new Map();
  const { rows } = await pg.query<{ scope: string; key: string; seed_id: string; offered: string }>(
    `WITH c AS (
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) AS c (scope, key, request_hash, seed_id)
     ), free AS (
       SELECT k.scope, k.key, k.day, c.request_hash, c.seed_id
       FROM idempotency_keys k JOIN c ON k.scope = c.scope AND k.key = c.key
       WHERE k.day = ANY ($5::date[]) AND k.created_at > $6 AND k.answer IS NULL
         AND (k.claimed_at IS NULL OR k.claimed_at <= $7 AND k.request_hash = c.request_hash)
       FOR UPDATE OF k SKIP LOCKED
     )
     UPDATE idempotency_keys k
     SET claimed_at = $8, request_hash = free.request_hash,
       seed_id = CASE WHEN k.request_hash = free.request_hash THEN k.seed_id ELSE free.seed_id END
     FROM free WHERE k.scope = free.scope AND k.key = free.key AND k.day = free.day
     RETURNING k.scope, k.key, k.seed_id, free.seed_id AS offered`,
    [
      claims.map(({ scope }) => scope),
      claims.map(({ key }) => key),
      claims.map(({ request_hash }) => request_hash),
      claims.map(() => newId(times.nowMs)),
      [times.today, ...times.otherDays],
      times.expired,
      times.abandoned,
      times.now,
    ],
  );
  return new Map(
    rows.map((row) => [nameOf(row), { seed_id: row.seed_id, again: row.seed_id !== row.offered }]),
  );
}
