import type { DeadLetter, DeadLetterStore, Page, PageRequest } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { decodeCursor, pageOf } from '../../cursor.ts';
import { timeOf } from '../sql.ts';
import { DEAD_LETTER_COLUMNS } from './columns.ts';

/** Newest first; `since` is included, `until` is not. @throws BadCursorError */
export async function listDeadLetters(
  pg: Queryable,
  filter: Parameters<DeadLetterStore['list']>[0],
  page: PageRequest,
): Promise<Page<Omit<DeadLetter, 'payload'>>> {
  const values: unknown[] = [page.limit + 1];
  const conditions = ['true'];
  const where = (condition: string, value: unknown): void => {
    values.push(value);
    conditions.push(`${condition} $${values.length}`);
  };
  if (filter.subscription_id !== undefined) where('subscription_id =', filter.subscription_id);
  if (filter.tenant_id !== undefined) where('tenant_id =', filter.tenant_id);
  if (filter.status !== undefined) where('status =', filter.status);
  if (filter.since !== undefined) where('dead_lettered_at >=', timeOf(filter.since));
  if (filter.until !== undefined) where('dead_lettered_at <', timeOf(filter.until));
  if (page.cursor !== null) {
    const after = decodeCursor(page.cursor);
    values.push(timeOf(after.at), after.id);
    conditions.push(`(dead_lettered_at, delivery_id) < ($${values.length - 1}, $${values.length})`);
  }
  // The column itself: its bare name would be the number that is selected, in whose order there is no index.
  const { rows } = await pg.query<Omit<DeadLetter, 'payload'>>(
    `SELECT ${DEAD_LETTER_COLUMNS} FROM dead_letters WHERE ${conditions.join(' AND ')}
     ORDER BY dead_letters.dead_lettered_at DESC, delivery_id DESC LIMIT $1`,
    values,
  );
  return pageOf(rows, page.limit, (row) => ({ at: row.dead_lettered_at, id: row.delivery_id }));
}
