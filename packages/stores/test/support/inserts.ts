import type { HistoryWriter, InsertBatch } from '../../src/ports.ts';

/** Whole lists of rows, each stored by an insert of its own. */
export function insertsInto(history: HistoryWriter) {
  return {
    insertEvents: (rows: readonly RowOf<'events'>[]) => storeAll(history.events(), rows),
    insertAttempts: (rows: readonly RowOf<'attempts'>[]) => storeAll(history.attempts(), rows),
    insertDispositions: (rows: readonly RowOf<'dispositions'>[]) => storeAll(history.dispositions(), rows),
  };
}

type Table = 'events' | 'attempts' | 'dispositions';
type RowOf<T extends Table> = Parameters<ReturnType<HistoryWriter[T]>['add']>[0];

function storeAll<Row>(insert: InsertBatch<Row>, rows: readonly Row[]): Promise<void> {
  for (const row of rows) insert.add(row);
  return insert.store();
}
