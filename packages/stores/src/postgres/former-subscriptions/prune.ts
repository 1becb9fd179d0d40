import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** Returns how many rows. They are few: one for each change of a URL, of headers or of whether there is a secret. */
export async function pruneFormer(pg: Queryable, olderThanMs: number): Promise<number> {
  const { count } = await pg.query('DELETE FROM former_subscriptions WHERE replaced_at < $1', [
    timeOf(olderThanMs),
  ]);
  return count;
}
