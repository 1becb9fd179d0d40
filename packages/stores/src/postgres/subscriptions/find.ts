import type { Subscription } from '@milena/domain';
import type { Queryable } from '../client.ts';
import { SUBSCRIPTION_COLUMNS, SUBSCRIPTION_TABLES } from './columns.ts';

export async function findSubscription(pg: Queryable, id: string): Promise<Subscription | null> {
  const { rows } = await pg.query<Subscription>(
    `SELECT ${SUBSCRIPTION_COLUMNS} FROM ${SUBSCRIPTION_TABLES} WHERE s.id = $1`,
    [id],
  );
  return rows[0] ?? null;
}
