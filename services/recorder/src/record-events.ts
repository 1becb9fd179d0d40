import { decodeDelivery, RESUMED_AT_HEADER, type EventRow } from '@milena/domain';
import { DELIVERIES, GROUPS } from '@milena/log';
import type { HistoryWriter } from '@milena/stores';
import { eventRowOf } from './storable.ts';
import type { StreamSpec } from './stream.ts';
import { beginTable, notYetStored, type TableBatch, type TableDeps } from './tables.ts';

/** Every accepted delivery becomes an events row with its payload; one that comes again after a pause is there already. */
export function recordEvents(deps: TableDeps & { history: HistoryWriter }): StreamSpec<EventRow> {
  return {
    group: GROUPS.recorderEvents,
    topic: DELIVERIES,
    wants: (record) => record.headers[RESUMED_AT_HEADER] === undefined,
    decode: (record) => [eventRowOf(decodeDelivery(record))],
    begin: () => beginEvents(deps),
  };
}

export function beginEvents(deps: TableDeps & { history: HistoryWriter }): TableBatch<EventRow> {
  const { history } = deps;
  return beginTable(deps, {
    table: 'events',
    insert: history.events(),
    happenedAt: (row) => row.accepted_at,
    sift: notYetStored(history, 'events', { id: (row) => row.delivery_id, at: (row) => row.accepted_at }),
  });
}
