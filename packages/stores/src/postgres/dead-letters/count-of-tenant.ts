import type { Queryable } from '../client.ts';

/** By the primary key, and without the payloads: whoever asks for a thousand letters may have large ones. */
export async function countOfTenant(
  pg: Queryable,
  tenantId: string,
  deliveryIds: readonly string[],
): Promise<number> {
  const { rows } = await pg.query<{ count: number }>(
    'SELECT count(*)::float8 AS count FROM dead_letters WHERE tenant_id = $1 AND delivery_id = ANY ($2::uuid[])',
    [tenantId, deliveryIds],
  );
  return rows[0]?.count ?? 0;
}
