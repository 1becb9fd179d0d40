import type { Subscription } from '@milena/domain';
import type { Page, PageRequest } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { decodeCursor, pageOf } from '../../cursor.ts';
import { timeOf } from '../sql.ts';
import { SUBSCRIPTION_COLUMNS, SUBSCRIPTION_TABLES } from './columns.ts';

/** Newest first. @throws BadCursorError */
export async function listSubscriptions(
  pg: Queryable,
  filter: { tenant_id?: string },
  page: PageRequest,
): Promise<Page<Subscription>> {
  const values: unknown[] = [page.limit + 1];
  const conditions = ['true'];
  if (filter.tenant_id !== undefined) {
    values.push(filter.tenant_id);
    conditions.push(`s.tenant_id = $${values.length}`);
  }
  if (page.cursor !== null) {
    const after = decodeCursor(page.cursor);
    values.push(timeOf(after.at), after.id);
    conditions.push(`(s.created_at, s.id) < ($${values.length - 1}, $${values.length})`);
  }
  const { rows } = await pg.query<Subscription>(
    `SELECT ${SUBSCRIPTION_COLUMNS} FROM ${SUBSCRIPTION_TABLES} WHERE ${conditions.join(' AND ')}
     ORDER BY s.created_at DESC, s.id DESC LIMIT $1`,
    values,
  );
  return pageOf(rows, page.limit, (row) => ({ at: Date.parse(row.created_at), id: row.id }));
}
