import type { Queryable } from '../client.ts';

/** Enabled subscriptions, oldest first. */
export async function idsOfTenant(pg: Queryable, tenantId: string): Promise<string[]> {
  const { rows } = await pg.query<{ id: string }>(
    'SELECT id FROM subscriptions WHERE tenant_id = $1 AND enabled ORDER BY created_at, id',
    [tenantId],
  );
  return rows.map(({ id }) => id);
}
