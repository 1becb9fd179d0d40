import { decodeDeadLetter } from '@milena/domain';
import { DEAD_LETTER, GROUPS } from '@milena/log';
import type { DeadLetter, DeadLetterStore } from '@milena/stores';
import { eventRowOf } from './storable.ts';
import type { StreamSpec } from './stream.ts';
import { beginTable, listInsert, type TableDeps } from './tables.ts';

/** Deliveries given up become dead letters in Postgres; its insert ignores those it has. */
export function recordDeadLetters(
  deps: TableDeps & { deadLetters: Pick<DeadLetterStore, 'insert'> },
): StreamSpec<DeadLetter> {
  return {
    group: GROUPS.recorderDeadLetters,
    topic: DEAD_LETTER,
    decode: (record) => {
      const { delivery, facts } = decodeDeadLetter(record);
      const { reason, attempts, at } = facts;
      return [{ ...eventRowOf(delivery), status: 'open', reason, attempts, dead_lettered_at: at }];
    },
    begin: () =>
      beginTable(deps, {
        table: 'dead_letters',
        insert: listInsert((rows) => deps.deadLetters.insert(rows)),
        happenedAt: (row) => row.dead_lettered_at,
      }),
  };
}
