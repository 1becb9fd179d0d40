import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { StoreUnavailableError } from '../ports.ts';

export interface ClickHouseOptions {
  /** `http(s)://host:port`; may carry `user:password@`. */
  url: string;
  user?: string;
  password?: string;
  database: string;
  /** Of one statement, ms. */
  requestTimeoutMs?: number;
  /** Statements at once; more wait for their turn. 10 unless told. */
  maxOpenConnections?: number;
}

/** The few things the readers and writers need of a server. Each rejects with StoreUnavailableError when it is away or overloaded. */
export interface ClickHouse {
  /** Values go in as `{name:Type}` parameters, never as text of the query. */
  select<Row>(query: string, params: Record<string, unknown>): Promise<Row[]>;
  /**
   * Resolves when the rows are stored. The same ones with the same token are stored once.
   * @param rows in the format JSONCompactEachRow: without names they are half the bytes of an attempt, and a third less
   * CPU on both sides
   */
  insert(table: string, columns: readonly string[], rows: Buffer, token: string): Promise<void>;
  command(query: string): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 30_000;
const MAX_OPEN_CONNECTIONS = 10;

/** Codes that pass by themselves. Source: ClickHouse, src/Common/ErrorCodes.cpp. */
const TRANSIENT_CODES = new Set([
  '159', // TIMEOUT_EXCEEDED
  '202', // TOO_MANY_SIMULTANEOUS_QUERIES
  '209', // SOCKET_TIMEOUT
  '210', // NETWORK_ERROR
  '236', // ABORTED
  '241', // MEMORY_LIMIT_EXCEEDED
  '242', // TABLE_IS_READ_ONLY
  '243', // NOT_ENOUGH_SPACE
  '252', // TOO_MANY_PARTS
  '394', // QUERY_WAS_CANCELLED
  '439', // CANNOT_SCHEDULE_TASK
]);

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Whatever is no answer of the server is the way to it: refused, reset, timed out.
    if (error instanceof ClickHouseError && !TRANSIENT_CODES.has(error.code)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreUnavailableError(`ClickHouse: ${reason}`, { cause: error });
  }
}

/** Opens no connection yet. */
export function openClickHouse(options: ClickHouseOptions): ClickHouse {
  const client = createClient({
    url: options.url,
    ...(options.user !== undefined && { username: options.user }),
    ...(options.password !== undefined && { password: options.password }),
    database: options.database,
    request_timeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    max_open_connections: options.maxOpenConnections ?? MAX_OPEN_CONNECTIONS,
    // Every failure reaches a caller, who logs it with what it was for.
    log: { level: ClickHouseLogLevel.OFF },
  });
  return {
    select: <Row>(query: string, params: Record<string, unknown>) =>
      guarded(async () => {
        const result = await client.query({
          query,
          query_params: params,
          format: 'JSONEachRow',
          // A URL has limits (1 MiB at the server, less at proxies); a list of thousands of ids goes as a form.
          use_multipart_params_auto: true,
        });
        return await result.json<Row>();
      }),
    insert: (table, columns, rows, token) =>
      guarded(async () => {
        const { stream } = await client.exec({
          query: `INSERT INTO ${table} (${columns.join(', ')}) FORMAT JSONCompactEachRow`,
          values: Readable.from([rows], { objectMode: false }),
          clickhouse_settings: {
            insert_deduplication_token: token,
            // Splitting a few MB among threads costs more than it saves.
            input_format_parallel_parsing: 0,
          },
        });
        await finished(stream.resume());
      }),
    command: (query) =>
      guarded(async () => {
        await client.command({ query });
      }),
    ping: () =>
      guarded(async () => {
        const result = await client.ping({ select: true });
        if (!result.success) throw result.error;
      }),
    close: () => client.close(),
  };
}
