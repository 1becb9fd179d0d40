import { newId } from '@milena/domain';
import type { ApiKey, StoredApiKey } from '../../access-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';
import { API_KEY_COLUMNS } from './columns.ts';

export async function insertApiKey(
  pg: Queryable,
  key: Omit<StoredApiKey, 'id' | 'created_at'>,
  nowMs: number,
): Promise<ApiKey> {
  const { rows } = await pg.query<ApiKey>(
    `INSERT INTO api_keys (id, tenant_id, name, prefix, hash, scopes, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${API_KEY_COLUMNS}`,
    [
      newId(nowMs),
      key.tenant_id,
      key.name,
      key.prefix,
      key.hash,
      key.scopes,
      timeOf(nowMs),
      key.expires_at === null ? null : timeOf(key.expires_at),
    ],
  );
  const [stored] = rows;
  if (stored === undefined) throw new Error('an API key is not there after its insert');
  return stored;
}
