import { decodeDeadLetter, type Delivery } from '@milena/domain';
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
      const { attempts, at } = facts;
      const standing = standingOf(delivery, facts.reason);
      return [{ attempts, dead_lettered_at: at, ...standing, ...eventRowOf(delivery) }];
    },
    begin: () =>
      beginTable(deps, {
        table: 'dead_letters',
        insert: listInsert((rows) => deps.deadLetters.insert(rows)),
        happenedAt: (row) => row.dead_lettered_at,
      }),
  };
}

/**
 * A copy that was sent elsewhere asks for nothing: its original stands as it did, and with the copy open beside it the next
 * replay of all would bring the event to the subscription twice. It is kept all the same, as the ledger misses it otherwise.
 */
function standingOf({ target_url }: Delivery, reason: string): Pick<DeadLetter, 'status' | 'reason'> {
  if (target_url === null) return { status: 'open', reason };
  return { status: 'discarded', reason: `${reason} (a copy that a replay sent to another URL)` };
}
