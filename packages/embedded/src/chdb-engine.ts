import type { Session } from 'chdb';
import { DirectoryTakenError } from './chdb-errors.ts';
import type { ChdbRequest, InsertRequest } from './chdb-request.ts';

export interface EngineResult {
  body: Uint8Array;
  readRows: number;
  writtenRows: number;
}

export interface ChdbEngine {
  /** Any statement. Its database and settings end with it. */
  run(request: ChdbRequest): Promise<EngineResult>;
  /** Rows in a text format; the buffer goes to the engine's parser as it is and must not change meanwhile. */
  insert(request: InsertRequest): Promise<EngineResult>;
  /** Waits for what is running. */
  close(): Promise<void>;
}

/** Inserts one after the other, two reads beside them: three of the four threads that libuv has by default. */
const INSERTS_AT_ONCE = 1;
const READS_AT_ONCE = 2;
/** With more it takes processors from what is in a hurry, for nothing: it has a few MB. */
const INSERT_SETTINGS = { max_threads: '1' };

/** `USE` and `SET` stick to a connection, so every statement that needs one gets a connection of its own (0.7 ms). */
async function prepare(session: Session, request: ChdbRequest): Promise<void> {
  if (request.database !== null) await session.queryAsync(`USE \`${request.database}\``);
  const settings = Object.entries(request.settings);
  if (settings.length === 0) return;
  await session.queryAsync(`SET ${settings.map(([name, value]) => `${name} = ${quote(value)}`).join(', ')}`);
}

function quote(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** @throws DirectoryTakenError */
export async function openChdbEngine(dataDir: string): Promise<ChdbEngine> {
  // Loaded here and not at the top: the library is half a gigabyte, and importers may not need it.
  const chdb = await import('chdb');
  const open = () => new chdb.Session(dataDir);
  let root: Session;
  try {
    // Stays open while the engine runs; the data directory is released with the last connection.
    root = open();
  } catch (error) {
    throw new DirectoryTakenError(
      `${dataDir} can't be opened as ClickHouse's data directory. Is another process using it?`,
      { cause: error },
    );
  }
  const reads = createSlots(READS_AT_ONCE);
  const inserts = createSlots(INSERTS_AT_ONCE);

  const run = async (request: ChdbRequest): Promise<EngineResult> => {
    const session = open();
    try {
      await prepare(session, request);
      const options = { format: request.format };
      const result =
        request.params === null
          ? await session.queryAsync(request.sql, options)
          : await session.queryBindAsync(request.sql, request.params, options);
      return { body: result.bytes(), readRows: result.rowsRead, writtenRows: 0 };
    } finally {
      session.close();
    }
  };

  const insert = async (request: InsertRequest): Promise<EngineResult> => {
    if (request.rows.length === 0) return { body: new Uint8Array(0), readRows: 0, writtenRows: 0 };
    const summary = await root.insert({
      table: request.database === null ? request.table : `${request.database}.${request.table}`,
      ...(request.columns && { columns: request.columns }),
      format: request.format,
      values: request.rows,
      settings: { ...INSERT_SETTINGS, ...request.settings },
    });
    return { body: new Uint8Array(0), readRows: 0, writtenRows: summary.rowsWritten };
  };

  let closed: Promise<void> | null = null;
  const close = async () => {
    await Promise.all([reads.idle(), inserts.idle()]);
    root.close();
    // Closing waits for the engine's own threads; without it a new engine on the directory could be refused.
    await chdb.drainPending();
  };
  return {
    run: (request) => reads.use(() => run(request)),
    insert: (request) => inserts.use(() => insert(request)),
    close: () => (closed ??= close()),
  };
}

/** Runs at most `count` tasks at once, in order of arrival. */
function createSlots(count: number) {
  let free = count;
  const waiting: (() => void)[] = [];
  const acquire = () => {
    if (free > 0) {
      free -= 1;
      return Promise.resolve();
    }
    return new Promise<void>((resolve) => waiting.push(resolve));
  };
  const release = () => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  return {
    use: async <T>(task: () => Promise<T>): Promise<T> => {
      await acquire();
      try {
        return await task();
      } finally {
        release();
      }
    },
    /** Resolves when every slot could be taken, that is when nothing runs. */
    idle: async () => {
      await Promise.all(Array.from({ length: count }, acquire));
      for (let i = 0; i < count; i++) release();
    },
  };
}
