import pg from 'pg';
import type { Logger } from '@milena/runtime';
import { asStoreError } from './errors.ts';

/** Rows come in the shape that the statement selects; the caller names it. */
export interface Result<Row> {
  rows: Row[];
  /** Rows selected or changed. */
  count: number;
}

export interface Queryable {
  /**
   * Runs one statement; `$1`… stand for `values`.
   * @throws StoreUnavailableError when the server is away or overloaded; anything else is a mistake of ours
   */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Result<Row>>;
}

export interface Postgres extends Queryable {
  /** For those who need a connection of their own (migrations). */
  url: string;
  /** Commits when `work` resolves, rolls back when it rejects. Not repeated on conflicts. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Waits for running statements, then closes every connection. Calling it again is fine. */
  close(): Promise<void>;
}

/** Long enough for the largest batch on a loaded machine, short enough that a caller's own deadline (10 s) holds. */
const STATEMENT_TIMEOUT_MS = 8000;
/** When the network is gone the server's own timeout can't reach us. */
const ANSWER_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5000;

/** A pool of connections, opened as they are needed: a server that is away shows at the first query, not here. */
export function openPostgres(options: {
  url: string;
  /** Connections at most; 10 unless told. */
  poolMax?: number;
  /** Shown in pg_stat_activity. */
  applicationName?: string;
  logger?: Logger;
}): Postgres {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolMax ?? 10,
    application_name: options.applicationName ?? 'milena',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idle_in_transaction_session_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
  });
  let closing: Promise<void> | null = null;
  // A connection that breaks while idle is replaced by the pool; without a listener it would end the process. One that the
  // server ends while we do the same is no loss.
  pool.on('error', (error) => {
    if (closing === null) options.logger?.warn({ event: 'postgres.connection_lost', error: error.message });
  });

  const connect = () =>
    pool.connect().catch((error: unknown) => {
      throw asStoreError(error);
    });
  return {
    url: options.url,
    query: (text, values) => run(pool, text, values),
    transaction: async (work) => {
      const connection = await connect();
      let broken: Error | undefined;
      // The pool listens to idle connections only.
      const onError = (error: Error) => (broken = error);
      connection.on('error', onError);
      try {
        await run(connection, 'BEGIN');
        const result = await work({ query: (text, values) => run(connection, text, values) });
        await run(connection, 'COMMIT');
        return result;
      } catch (error) {
        await run(connection, 'ROLLBACK').catch((failure: unknown) => {
          broken ??= failure instanceof Error ? failure : new Error(String(failure));
        });
        throw error;
      } finally {
        connection.off('error', onError);
        connection.release(broken);
      }
    },
    close: () => (closing ??= pool.end()),
  };
}

async function run<Row>(
  on: pg.Pool | pg.PoolClient,
  text: string,
  values: readonly unknown[] = [],
): Promise<Result<Row>> {
  try {
    const { rows, rowCount } = await on.query(text, [...values]);
    return { rows: rows as Row[], count: rowCount ?? 0 };
  } catch (error) {
    throw asStoreError(error);
  }
}
