import type { SecretResealer } from '../../access-ports.ts';
import type { Queryable } from '../client.ts';
import { SecretBoxError, type SealedSecret, type SecretBox } from '../secret-box.ts';

type Row = SealedSecret & { id: string; subscription_id: string };

/**
 * In the order of ids, so that one pass over the table looks at each row once; rows that come meanwhile are sealed under
 * the current key by whoever writes them. A row that changes in between is left to its writer.
 */
export async function resealBatch(
  { pg, secretBox }: { pg: Queryable; secretBox: SecretBox },
  after: string | null,
  limit: number,
): ReturnType<SecretResealer['resealBatch']> {
  const { rows } = await pg.query<Row>(
    `SELECT id, subscription_id, key_id, sealed FROM subscription_secrets
     WHERE key_id <> $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3`,
    [secretBox.keyId, after, limit],
  );
  const resealed = rows.flatMap((row) => {
    const secret = openOrNull(secretBox, row);
    return secret === null
      ? []
      : [{ ...row, ...secretBox.seal(secret, row.subscription_id), was: row.key_id }];
  });
  // Locked in the order of ids: a join meets them in any order, and two who reseal at once would wait for each other.
  const { count } = await pg.query(
    `WITH n AS (
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) AS n (id, was, key_id, sealed)
     ), locked AS MATERIALIZED (
       SELECT s.id FROM subscription_secrets s JOIN n ON n.id = s.id AND n.was = s.key_id
       ORDER BY s.id FOR UPDATE OF s
     )
     UPDATE subscription_secrets s SET key_id = n.key_id, sealed = n.sealed
     FROM n JOIN locked ON locked.id = n.id
     WHERE s.id = n.id AND s.key_id = n.was`,
    [
      resealed.map((row) => row.id),
      resealed.map((row) => row.was),
      resealed.map((row) => row.key_id),
      resealed.map((row) => row.sealed),
    ],
  );
  return {
    resealed: count,
    unreadable: rows.length - resealed.length,
    last: rows.length < limit ? null : (rows.at(-1)?.id ?? null),
  };
}

function openOrNull(secretBox: SecretBox, row: Row): string | null {
  try {
    return secretBox.open(row, row.subscription_id);
  } catch (error) {
    if (error instanceof SecretBoxError) return null;
    throw error;
  }
}
