import type { ApiKey } from '../../access-ports.ts';
import type { Page, PageRequest } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { decodeCursor, pageOf } from '../../cursor.ts';
import { timeOf } from '../sql.ts';
import { API_KEY_COLUMNS } from './columns.ts';

/** Newest first. @throws BadCursorError */
export async function listApiKeys(
  pg: Queryable,
  filter: { tenant_id?: string },
  page: PageRequest,
): Promise<Page<ApiKey>> {
  const values: unknown[] = [page.limit + 1];
  const conditions = ['revoked_at IS NULL'];
  if (filter.tenant_id !== undefined) {
    values.push(filter.tenant_id);
    conditions.push(`tenant_id = $${values.length}`);
  }
  if (page.cursor !== null) {
    const after = decodeCursor(page.cursor);
    values.push(timeOf(after.at), after.id);
    conditions.push(`(created_at, id) < ($${values.length - 1}, $${values.length})`);
  }
  const { rows } = await pg.query<ApiKey>(
    `SELECT ${API_KEY_COLUMNS} FROM api_keys WHERE ${conditions.join(' AND ')}
     ORDER BY api_keys.created_at DESC, id DESC LIMIT $1`,
    values,
  );
  return pageOf(rows, page.limit, (row) => ({ at: row.created_at, id: row.id }));
}
