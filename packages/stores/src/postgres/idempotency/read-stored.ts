import type { IdempotencyClaim } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { nameOf, type Times } from './times.ts';

export interface StoredKey {
  scope: string;
  key: string;
  request_hash: string;
  answered: boolean;
  answer: unknown;
  /** Its holder is dead or gave it up. A dead holder may have done its work, so another body is not let in. */
  takeable: boolean;
}

export async function readStoredKeys(
  pg: Queryable,
  claims: readonly IdempotencyClaim[],
  times: Times,
): Promise<Map<string, StoredKey>> {
  if (claims.length === 0) return new Map();
  const { rows } = await pg.query<StoredKey>(
    `SELECT k.scope, k.key, k.request_hash, k.answer IS NOT NULL AS answered, k.answer,
       k.answer IS NULL AND (k.claimed_at IS NULL OR k.claimed_at <= $6 AND k.request_hash = c.request_hash) AS takeable
     FROM unnest($1::text[], $2::text[], $3::text[]) AS c (scope, key, request_hash)
     JOIN idempotency_keys k ON k.scope = c.scope AND k.key = c.key AND k.day = ANY ($4::date[]) AND k.created_at > $5`,
    [
      claims.map(({ scope }) => scope),
      claims.map(({ key }) => key),
      claims.map(({ request_hash }) => request_hash),
      [times.today, ...times.otherDays],
      times.expired,
      times.abandoned,
    ],
  );
  return new Map(rows.map((row) => [nameOf(row), row]));
}
