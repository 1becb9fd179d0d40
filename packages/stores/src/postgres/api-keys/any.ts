import type { Queryable } from '../client.ts';

export async function anyApiKey(pg: Queryable): Promise<boolean> {
  const { rows } = await pg.query<{ any: boolean }>('SELECT EXISTS (SELECT 1 FROM api_keys) AS any');
  return rows[0]?.any === true;
}
