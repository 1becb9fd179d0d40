import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { HistoryWriter, InsertBatch } from '@milena/stores';

export interface TableDeps {
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'recorderBatch' | 'recorderLag' | 'recorderErrors'>;
}

/** What a batch of records means for one table. */
export interface TableBatch<Row> {
  /**
   * @param partition where its record came from
   * @param maybeStored it may be stored already: another recorder may have had it, or the log may have it twice
   */
  add(row: Row, partition: number, maybeStored: boolean): void;
  /** Takes out the rows from these partitions; not once `store` was called. */
  drop(partitions: readonly number[]): void;
  /** Resolves when all rows are stored. After a failure it is called again, and stores what is missing. */
  store(): Promise<void>;
}

interface TableSpec<Row> {
  table: string;
  insert: InsertBatch<Row>;
  /** When the row's fact came about, ms since the epoch. */
  happenedAt: (row: Row) => number;
  /** Of the rows in doubt, those that are not stored yet; without it they go as all others, for a table that passes repeats over. */
  sift?: (doubtful: readonly Row[]) => Promise<readonly Row[]>;
}

/** One insert, measured and logged. The lag is that of the row that waited longest. */
export function beginTable<Row>(deps: TableDeps, spec: TableSpec<Row>): TableBatch<Row> {
  const { table, insert, happenedAt, sift } = spec;
  const { clock, logger, metrics } = deps;
  let oldest = Infinity;
  let doubtful: { row: Row; partition: number }[] = [];
  /** The partition of each row of the insert. */
  let origins: number[] = [];
  let stored = false;
  const take = (row: Row): void => {
    insert.add(row);
    oldest = Math.min(oldest, happenedAt(row));
  };
  const store = async (): Promise<void> => {
    const startedAt = clock.now();
    try {
      await insert.store();
    } catch (error) {
      metrics.recorderErrors.inc({ table });
      throw error;
    }
    const rows = insert.size();
    const lagMs = Math.max(0, clock.now() - oldest);
    metrics.recorderBatch.observe({ table }, rows);
    metrics.recorderLag.observe({ table }, lagMs / 1000);
    logger.info({ event: `${table}.written`, rows, lag_ms: lagMs, duration_ms: clock.now() - startedAt });
  };
  return {
    add: (row, partition, maybeStored) => {
      if (maybeStored && sift !== undefined) {
        doubtful.push({ row, partition });
        return;
      }
      take(row);
      origins.push(partition);
    },
    drop: (partitions) => {
      const stays = (partition: number): boolean => !partitions.includes(partition);
      const former = origins;
      doubtful = doubtful.filter(({ partition }) => stays(partition));
      origins = former.filter(stays);
      if (origins.length < former.length) insert.keep((n) => stays(former[n] ?? -1));
    },
    store: async () => {
      if (sift !== undefined && doubtful.length > 0) {
        // The first answer stands: an insert whose end is unknown must be made again with the same rows.
        for (const row of await sift(doubtful.map(({ row }) => row))) take(row);
        doubtful = [];
      }
      // Another table of the same batch may have failed after this one: there is nothing more to do, or to tell, here.
      if (insert.size() > 0 && !stored) await store();
      stored = true;
    },
  };
}

/** Leaves out the rows that the store has. */
export function notYetStored<Row>(
  history: Pick<HistoryWriter, 'known'>,
  table: 'events' | 'attempts',
  keys: { id: (row: Row) => string; at: (row: Row) => number },
): (doubtful: readonly Row[]) => Promise<readonly Row[]> {
  return async (doubtful) => {
    const since = doubtful.reduce((earliest, row) => Math.min(earliest, keys.at(row)), Infinity);
    const stored = await history.known(table, doubtful.map(keys.id), since);
    return doubtful.filter((row) => !stored.has(keys.id(row)));
  };
}

/** For stores that take a list of rows, and know those they have. */
export function listInsert<Row>(insert: (rows: readonly Row[]) => Promise<void>): InsertBatch<Row> {
  let rows: Row[] = [];
  return {
    add: (row) => {
      rows.push(row);
    },
    keep: (wanted) => {
      rows = rows.filter((_, n) => wanted(n));
    },
    size: () => rows.length,
    store: () => insert(rows),
  };
}
