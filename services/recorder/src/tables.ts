import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { HistoryWriter } from '@milena/stores';
import type { Entry } from './stream.ts';

export interface TableDeps {
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'recorderBatch' | 'recorderLag' | 'recorderErrors'>;
}

interface TableWrite<Row> {
  table: string;
  rows: readonly Row[];
  /** When the row's fact came about, ms since the epoch. */
  happenedAt: (row: Row) => number;
  insert: (rows: readonly Row[]) => Promise<void>;
}

/** One insert, measured and logged. The lag is that of the row that waited longest. */
export async function writeRows<Row>(deps: TableDeps, { table, rows, happenedAt, insert }: TableWrite<Row>) {
  if (rows.length === 0) return;
  const { clock, logger, metrics } = deps;
  const startedAt = clock.now();
  try {
    await insert(rows);
  } catch (error) {
    metrics.recorderErrors.inc({ table });
    throw error;
  }
  const oldest = rows.reduce((earliest, row) => Math.min(earliest, happenedAt(row)), Infinity);
  const lagMs = Math.max(0, clock.now() - oldest);
  metrics.recorderBatch.observe({ table }, rows.length);
  metrics.recorderLag.observe({ table }, lagMs / 1000);
  logger.info({
    event: `${table}.written`,
    rows: rows.length,
    lag_ms: lagMs,
    duration_ms: clock.now() - startedAt,
  });
}

/**
 * Finds out which rows are not stored yet, asking the store about those in doubt only. The first answer stands however
 * often it is called: an insert whose end is unknown is made again with the same rows, which the store recognises, even
 * while it is still at work on the first.
 */
export function notYetStored<Row>(
  history: Pick<HistoryWriter, 'known'>,
  table: 'events' | 'attempts',
  entries: readonly Entry<Row>[],
  keys: { id: (row: Row) => string; at: (row: Row) => number },
): () => Promise<readonly Row[]> {
  const doubtful = entries.filter((entry) => entry.maybeStored).map((entry) => entry.row);
  let rows: readonly Row[] | null = doubtful.length === 0 ? entries.map((entry) => entry.row) : null;
  return async () => {
    if (rows !== null) return rows;
    const since = doubtful.reduce((earliest, row) => Math.min(earliest, keys.at(row)), Infinity);
    const stored = await history.known(table, doubtful.map(keys.id), since);
    rows = entries.map((entry) => entry.row).filter((row) => !stored.has(keys.id(row)));
    return rows;
  };
}
