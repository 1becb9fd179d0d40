import type { StoredApiKey } from '../../access-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';
import { API_KEY_COLUMNS } from './columns.ts';

/** Tenant and revocation are decided by the one statement, so of two callers at once one gets the key. */
export async function revokeApiKey(
  pg: Queryable,
  id: string,
  filter: { tenant_id?: string },
  nowMs: number,
): Promise<StoredApiKey | null> {
  const { rows } = await pg.query<StoredApiKey>(
    `UPDATE api_keys SET revoked_at = $2
     WHERE id = $1 AND revoked_at IS NULL AND ($3::text IS NULL OR tenant_id = $3)
     RETURNING ${API_KEY_COLUMNS}, hash`,
    [id, timeOf(nowMs), filter.tenant_id ?? null],
  );
  return rows[0] ?? null;
}
