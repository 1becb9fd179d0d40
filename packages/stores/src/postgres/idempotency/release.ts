import type { Queryable } from '../client.ts';
import type { Times } from './times.ts';

/** The row stays with its seed, because work that failed without an answer may have been done after all. */
export async function releaseKeys(
  pg: Queryable,
  claims: readonly { scope: string; key: string }[],
  times: Times,
): Promise<void> {
  if (claims.length === 0) return;
  await pg.query(
    `WITH held AS (
       SELECT k.scope, k.key, k.day
       FROM unnest($1::text[], $2::text[]) AS c (scope, key)
       JOIN idempotency_keys k ON k.scope = c.scope AND k.key = c.key
         AND k.day = ANY ($3::date[]) AND k.created_at > $4 AND k.answer IS NULL
       ORDER BY k.scope, k.key FOR UPDATE OF k
     )
     UPDATE idempotency_keys k SET claimed_at = NULL
     FROM held WHERE k.scope = held.scope AND k.key = held.key AND k.day = held.day`,
    [
      claims.map(({ scope }) => scope),
      claims.map(({ key }) => key),
      [times.today, ...times.otherDays],
      times.expired,
    ],
  );
}
