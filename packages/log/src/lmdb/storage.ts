import { open } from 'lmdb';
import { LogUnavailableError } from '../message-log.ts';

/** What one commit may do. Buffers must not change until the commit is done. */
export interface Batch {
  put(key: Buffer, value: Buffer): void;
  remove(key: Buffer): void;
}

export interface Entry {
  key: Buffer;
  value: Buffer;
}

/** The few calls that the log makes of LMDB: binary keys in byte order, durable batches, range reads. */
export interface Storage {
  /**
   * Applies all of `write`, or nothing. Resolves when it is on the disk (LMDB's commit: fdatasync of the pages, then a
   * synchronous write of the new root).
   * @throws LogUnavailableError when the disk refuses; the storage stays usable and a later commit may succeed
   */
  commit(write: (batch: Batch) => void): Promise<void>;
  get(key: Buffer): Buffer | undefined;
  /** Entries with start <= key < end in key order; the values are copies. */
  range(start: Buffer, end: Buffer, limit: number): Iterable<Entry>;
  /** Highest key with start <= key <= end. */
  lastKey(start: Buffer, end: Buffer): Buffer | undefined;
  count(start: Buffer, end: Buffer): number;
  close(): Promise<void>;
}

/** The second write starts the transaction; after the first alone it starts a turn later. The library's types lack it. */
const AT_ONCE = { txnStartThreshold: 1 };
/** Nothing is stored by it. */
const NO_KEY = Buffer.from([0xff]);

/** @param path a directory; made when missing */
export function openStorage(path: string): Storage {
  const db = open<Buffer, Buffer>({
    path,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    // A commit's promise then resolves after its flush, and rejects when either fails; with overlapping flushes a
    // failed commit would leave waiters for the flush hanging.
    overlappingSync: false,
    // Every write is made by `commit` below, which sees to its promise. Batches that lmdb opens by itself per turn have
    // one that nobody can catch: a full disk would end the process.
    eventTurnBatching: false,
    ...AT_ONCE,
  });
  const batch: Batch = {
    put: (key, value) => void db.put(key, value),
    remove: (key) => void db.remove(key),
  };
  return {
    commit: async (write) => {
      try {
        const durable = db.batch(() => {
          write(batch);
        });
        // The batch is the first write; this one starts it. It is of the same transaction, whose failure the batch tells.
        db.remove(NO_KEY).catch(() => undefined);
        await durable;
      } catch (error) {
        const cause = await rootCause(error);
        throw new LogUnavailableError(`the log could not write to ${path}: ${cause.message}`, { cause });
      }
    },
    get: (key) => db.getBinary(key),
    range: (start, end, limit) => db.getRange({ start, end, limit }),
    lastKey: (start, end) => {
      // Going backwards, `start` is the upper bound.
      const backwards = { start: end, end: start, inclusiveEnd: true, reverse: true, limit: 1 };
      for (const key of db.getKeys(backwards)) return key;
      return undefined;
    },
    count: (start, end) => db.getKeysCount({ start, end }),
    close: () => db.close(),
  };
}

/** lmdb rejects with a general error; what the operating system said is in a promise that rejects a little later. */
async function rootCause(error: unknown): Promise<Error> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  try {
    await commitError;
  } catch (cause) {
    if (cause instanceof Error) return cause;
  }
  return error instanceof Error ? error : new Error(String(error));
}
