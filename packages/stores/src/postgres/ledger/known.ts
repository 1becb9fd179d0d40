import type { LedgerScope, LedgerSet } from '../../ledger-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** A dead letter stays one; what is held may have been released, or held again, a moment ago. */
export async function knownKept(
  pg: Queryable,
  scope: LedgerScope,
  set: LedgerSet,
  ids: readonly string[],
): Promise<Set<string>> {
  const { rows } =
    set === 'dead_letters'
      ? await pg.query<{ delivery_id: string }>(
          'SELECT delivery_id FROM dead_letters WHERE delivery_id = ANY ($1::uuid[])',
          [ids],
        )
      : await pg.query<{ delivery_id: string }>(
          `SELECT delivery_id FROM held_deliveries WHERE delivery_id = ANY ($1::uuid[])
           AND (released_at IS NULL OR released_at >= $2)`,
          [ids, timeOf(scope.as_of)],
        );
  return new Set(rows.map((row) => row.delivery_id));
}
