import type { StoredApiKey } from '../../access-ports.ts';
import type { Queryable } from '../client.ts';
import { API_KEY_COLUMNS } from './columns.ts';

export async function findApiKeyByHash(pg: Queryable, hash: Buffer): Promise<StoredApiKey | null> {
  const { rows } = await pg.query<StoredApiKey>(
    `SELECT ${API_KEY_COLUMNS}, hash FROM api_keys WHERE hash = $1 AND revoked_at IS NULL`,
    [hash],
  );
  return rows[0] ?? null;
}
