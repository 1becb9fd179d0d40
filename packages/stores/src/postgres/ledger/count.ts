import type { LedgerScope, LedgerSet, Tally } from '../../ledger-ports.ts';
import type { Queryable } from '../client.ts';
import { BUCKET, ofScope, TAIL } from './scope.ts';

export async function countKept(
  pg: Queryable,
  scope: LedgerScope,
  set: LedgerSet,
): Promise<Map<number, Tally>> {
  const { table, conditions, values } = ofScope(scope, set);
  const { rows } = await pg.query<Tally & { bucket: number }>(
    `SELECT ${BUCKET} AS bucket, count(*)::float8 AS count, bit_xor(${TAIL})::float8 AS xor
     FROM ${table} WHERE ${conditions.join(' AND ')} GROUP BY 1`,
    values,
  );
  return new Map(rows.map(({ bucket, ...tally }) => [bucket, tally]));
}
