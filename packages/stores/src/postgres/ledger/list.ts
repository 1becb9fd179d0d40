import type { KeptRow, LedgerScope, LedgerSet } from '../../ledger-ports.ts';
import type { Queryable } from '../client.ts';
import { BUCKET, ofScope } from './scope.ts';

export async function listKept(
  pg: Queryable,
  scope: LedgerScope,
  set: LedgerSet,
  buckets: readonly number[],
): Promise<KeptRow[]> {
  const { table, conditions, values, add } = ofScope(scope, set);
  add((value) => `${BUCKET} = ANY (${value}::int[])`, buckets);
  const { rows } = await pg.query<KeptRow>(
    `SELECT delivery_id, event_id, subscription_id FROM ${table} WHERE ${conditions.join(' AND ')}`,
    values,
  );
  return rows;
}
