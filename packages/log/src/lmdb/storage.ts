import { open, type Database } from 'lmdb';
import { LogUnavailableError } from '../message-log.ts';
import { cutLinks } from './cut-links.ts';
import { beginnings, PIECE_BYTES, piecesOf, whole, type Entry } from './pieces.ts';

/** What one commit may do. Buffers must not change until the commit is done. */
export interface Batch {
  put(key: Buffer, value: Buffer): void;
  /** A value of any size that is written once. */
  putInPieces(key: Buffer, value: Buffer): void;
  /** Of what was put in pieces, the first alone. */
  remove(key: Buffer): void;
  /**
   * Values with start <= key < end, pieces and all, until as many as `limit` of both are removed.
   * @returns how many were, and the key of the first value that is left
   */
  removeRange(start: Buffer, end: Buffer, limit: number): { removed: number; left: Buffer | null };
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
  /** Entries with start <= key < end in key order, each whole; the values are copies. */
  range(start: Buffer, end: Buffer, limit: number): Iterable<Entry>;
  /** Highest key with start <= key <= end: of the last piece, where there are pieces. */
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
  cutLinks(db);
  const batch = createBatch(db);
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
    get: (key) => {
      const value = db.getBinary(key);
      if (value?.length !== PIECE_BYTES) return value;
      for (const entry of whole(db.getRange({ start: key }))) return entry.value;
      return undefined;
    },
    *range(start, end, limit) {
      let left = limit;
      for (const entry of whole(db.getRange({ start, end }))) {
        yield entry;
        left -= 1;
        if (left === 0) return;
      }
    },
    lastKey: (start, end) => {
      // Going backwards, `start` is the upper bound.
      const backwards = { start: end, end: start, inclusiveEnd: true, reverse: true, limit: 1 };
      for (const key of db.getKeys(backwards)) return key;
      return undefined;
    },
    count: (start, end) => {
      let count = 0;
      for (const { begins } of beginnings(db.getKeys({ start, end }))) if (begins) count += 1;
      return count;
    },
    close: () => db.close(),
  };
}

function createBatch(db: Database<Buffer, Buffer>): Batch {
  return {
    put: (key, value) => void db.put(key, value),
    putInPieces: (key, value) => {
      if (value.length <= PIECE_BYTES) void db.put(key, value);
      else for (const piece of piecesOf(key, value)) void db.put(piece.key, piece.value);
    },
    remove: (key) => void db.remove(key),
    removeRange: (start, end, limit) => {
      const keys: Buffer[] = [];
      let left: Buffer | null = null;
      for (const { key, begins } of beginnings(db.getKeys({ start, end }))) {
        if (begins && keys.length >= limit) {
          left = key;
          break;
        }
        keys.push(key);
      }
      for (const key of keys) void db.remove(key);
      return { removed: keys.length, left };
    },
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
