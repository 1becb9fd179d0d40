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
import { writerOfEvents } from './record-events.ts';
import { requireStorableAttempt, requireStorableDisposition } from './storable.ts';
import type { Entry, StreamSpec } from './stream.ts';
import { notYetStored, writeRows, type TableDeps } from './tables.ts';

/**
 * What happened becomes rows: attempts, dispositions, and the event of a filtered one, which went nowhere else. A
 * repeated disposition is harmless (one per delivery and kind counts), so only the others are looked up.
 */
export function recordAttempts(deps: TableDeps & { history: HistoryWriter }): StreamSpec<LogEntry> {
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
    writer: (entries) => {
      const { events, dispositions, attempts } = sortOut(entries);
      const writeEvents = writerOfEvents(deps, events);
      const writeAttempts = writerOfAttempts(deps, attempts);
      return async () => {
        // Events first: until its row is there, a filtered delivery does not exist for readers.
        await writeEvents();
        await writeRows(deps, {
          table: 'dispositions',
          rows: dispositions,
          happenedAt: (row) => row.at,
          insert: (rows) => deps.history.insertDispositions(rows),
        });
        await writeAttempts();
      };
    },
  };
}

/** @throws UndecodableRecordError */
function requireStorable(entry: LogEntry): void {
  if (entry.kind === 'attempt') requireStorableAttempt(entry.attempt);
  else requireStorableDisposition(entry.disposition);
}

function sortOut(entries: readonly Entry<LogEntry>[]) {
  const events: Entry<EventRow>[] = [];
  const dispositions: Disposition[] = [];
  const attempts: Entry<Attempt>[] = [];
  for (const { row, maybeStored } of entries) {
    if (row.kind === 'attempt') {
      attempts.push({ row: row.attempt, maybeStored });
      continue;
    }
    dispositions.push(row.disposition);
    if (row.event) events.push({ row: filteredEvent(row.disposition, row.event), maybeStored });
  }
  return { events, dispositions, attempts };
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
    traceparent: event.traceparent,
  };
}

function writerOfAttempts(
  deps: TableDeps & { history: HistoryWriter },
  entries: readonly Entry<Attempt>[],
): () => Promise<void> {
  const rows = notYetStored(deps.history, 'attempts', entries, {
    id: (row) => row.attempt_id,
    at: (row) => row.started_at,
  });
  return async () => {
    await writeRows(deps, {
      table: 'attempts',
      rows: await rows(),
      happenedAt: (row) => row.started_at + row.duration_ms,
      insert: (batch) => deps.history.insertAttempts(batch),
    });
  };
}
