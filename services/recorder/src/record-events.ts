import { decodeDelivery, RESUMED_AT_HEADER, type EventRow } from '@milena/domain';
import { DELIVERIES, GROUPS } from '@milena/log';
import type { HistoryWriter } from '@milena/stores';
import { eventRowOf } from './storable.ts';
import type { Entry, StreamSpec } from './stream.ts';
import { notYetStored, writeRows, type TableDeps } from './tables.ts';

/** Every accepted delivery becomes an events row with its payload; one that comes again after a pause is there already. */
export function recordEvents(deps: TableDeps & { history: HistoryWriter }): StreamSpec<EventRow> {
  return {
    group: GROUPS.recorderEvents,
    topic: DELIVERIES,
    wants: (record) => record.headers[RESUMED_AT_HEADER] === undefined,
    decode: (record) => [eventRowOf(decodeDelivery(record))],
    writer: (entries) => writerOfEvents(deps, entries),
  };
}

/** @returns what stores them; see `StreamSpec.writer` */
export function writerOfEvents(
  deps: TableDeps & { history: HistoryWriter },
  entries: readonly Entry<EventRow>[],
): () => Promise<void> {
  const { history } = deps;
  const rows = notYetStored(history, 'events', entries, {
    id: (row) => row.delivery_id,
    at: (row) => row.accepted_at,
  });
  return async () => {
    await writeRows(deps, {
      table: 'events',
      rows: await rows(),
      happenedAt: (row) => row.accepted_at,
      insert: (batch) => history.insertEvents(batch),
    });
  };
}
