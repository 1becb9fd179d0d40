import {
  decodeLogEntries,
  type Attempt,
  type Disposition,
  type EventRow,
  type FilteredEvent,
  type LogEntry,
} from '@milena/domain';
import { DELIVERY_LOG, GROUPS } from '@milena/log';
import type { HistoryWriter } from '@milena/stores';
import { beginEvents } from './record-events.ts';
import { requireStorableAttempt, requireStorableDisposition, requireStorableFiltered } from './storable.ts';
import type { StreamSpec } from './stream.ts';
import { beginTable, notYetStored, type TableBatch, type TableDeps } from './tables.ts';

type RecordDeps = TableDeps & { history: HistoryWriter };

/** What happened becomes rows: attempts, dispositions, and the event of a filtered one, which went nowhere else. */
export function recordAttempts(deps: RecordDeps): StreamSpec<LogEntry> {
  return {
    group: GROUPS.recorderLog,
    topic: DELIVERY_LOG,
    decode: (record, leaveOut) =>
      decodeLogEntries(record).filter((entry) => {
        try {
          requireStorable(entry);
          return true;
        } catch (error) {
          leaveOut(error);
          return false;
        }
      }),
    begin: () => {
      const events = beginEvents(deps);
      const dispositions = beginDispositions(deps);
      const attempts = beginAttempts(deps);
      return {
        add: (entry, ...origin) => {
          if (entry.kind === 'attempt') {
            attempts.add(entry.attempt, ...origin);
            return;
          }
          dispositions.add(entry.disposition, ...origin);
          if (entry.event) events.add(filteredEvent(entry.disposition, entry.event), ...origin);
        },
        drop: (partitions) => {
          for (const table of [events, dispositions, attempts]) table.drop(partitions);
        },
        store: async () => {
          // A filtered delivery does not exist for readers until its event is there; then they must find it filtered, not queued.
          await dispositions.store();
          await events.store();
          await attempts.store();
        },
      };
    },
  };
}

/** @throws UndecodableRecordError */
function requireStorable(entry: LogEntry): void {
  if (entry.kind === 'attempt') {
    requireStorableAttempt(entry.attempt);
    return;
  }
  requireStorableDisposition(entry.disposition);
  if (entry.event) requireStorableFiltered(entry.event);
}

function filteredEvent(disposition: Disposition, event: FilteredEvent): EventRow {
  return {
    delivery_id: disposition.delivery_id,
    event_id: disposition.event_id,
    tenant_id: disposition.tenant_id,
    subscription_id: disposition.subscription_id,
    event_type: disposition.event_type,
    content_type: event.content_type,
    payload: Buffer.from(event.payload_base64, 'base64'),
    accepted_at: event.accepted_at,
    replay_of: null,
    target_url: null,
    traceparent: event.traceparent,
  };
}

/** One per delivery and kind counts, so a repeated one is harmless and none is looked up. */
function beginDispositions(deps: RecordDeps): TableBatch<Disposition> {
  return beginTable(deps, {
    table: 'dispositions',
    insert: deps.history.dispositions(),
    happenedAt: (row) => row.at,
  });
}

function beginAttempts(deps: RecordDeps): TableBatch<Attempt> {
  const { history } = deps;
  return beginTable(deps, {
    table: 'attempts',
    insert: history.attempts(),
    happenedAt: (row) => row.started_at + row.duration_ms,
    sift: notYetStored(history, 'attempts', { id: (row) => row.attempt_id, at: (row) => row.started_at }),
  });
}
