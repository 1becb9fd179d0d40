import type { CancelTimer, Clock } from '@milena/runtime';
import { LogUnavailableError } from '../message-log.ts';
import { createAppendQueue, type Append, type Appended } from './append-queue.ts';
import { PROBE_KEY } from './layout.ts';
import { PIECE_BYTES } from './pieces.ts';
import { recordKey } from './record-codec.ts';
import type { Batch, Storage } from './storage.ts';
import type { TopicPartition } from './topic-partition.ts';

/** Without appends to ride along with, marks and removals are written this often. */
const IDLE_COMMIT_MS = 100;

/** What rides along with the appends of a commit: marks and removals. */
export interface Riders {
  waiting(): boolean;
  /** Adds them to the batch, beside so many appended records; the result is called when that is durable, or failed. */
  board(batch: Batch, appended: number): (durable: boolean) => void;
}

interface WriterOptions {
  storage: Storage;
  clock: Clock;
  /** Bytes of appends not yet durable; beyond it the log refuses. */
  maxPendingBytes: number;
  /** Least time between the starts of two commits. */
  commitSpacingMs: number;
  riders: Riders;
  /** These partitions have new durable records. */
  onAppended(partitions: ReadonlySet<TopicPartition>): void;
}

interface Writer {
  /** @throws LogUnavailableError */
  append(records: readonly Appended[]): Promise<void>;
  /** Riders are waiting: they go with the next append, or soon by themselves. */
  nudge(): void;
  /** What waits to ride along is durable when this resolves. @throws LogUnavailableError */
  flush(): Promise<void>;
  /** After a failed commit: tries the disk again. @throws LogUnavailableError if it still refuses */
  probe(): Promise<void>;
  /** Refuses appends from now on and writes what is there. */
  close(): Promise<void>;
}

/**
 * Group commit: all appends that arrive while a commit is under way, or too soon after one, share the next. Offsets are
 * given at commit and commits don't overlap, so a consumer never sees an offset before a lower one of its partition.
 */
export function createWriter(options: WriterOptions): Writer {
  const { clock, riders } = options;
  const queue = createAppendQueue(options.maxPendingBytes);
  let committing: Promise<void> | null = null;
  let failed = false;
  let closed = false;
  let idleTimer: CancelTimer | null = null;

  const commit = async (): Promise<void> => {
    // After a failure one commit goes without appends: removals need little room and make some, and LMDB reuses freed
    // pages only once a further commit has passed.
    const probing = failed;
    const turn = probing ? [] : queue.take();
    try {
      await commitTurn(options, turn, probing);
      failed = false;
      queue.settle(turn, null);
    } catch (error) {
      failed = true;
      queue.settle(probing ? queue.take() : turn, error);
      throw error;
    } finally {
      committing = null;
      if (!queue.empty()) schedule();
      else if (riders.waiting()) nudge();
    }
  };
  const start = (): Promise<void> => (committing ??= commit());
  const schedule = createPace(options.commitSpacingMs, () => {
    // If one is under way, it sees to the next. Everyone who waits for it is told of its failure.
    if (committing === null) start().catch(() => undefined);
  });

  const nudge = (): void => {
    if (closed) return;
    idleTimer ??= clock.after(IDLE_COMMIT_MS, () => {
      idleTimer = null;
      if (riders.waiting()) schedule();
    });
  };
  // A commit that began before may have left without what waits now.
  const flush = async (): Promise<void> => {
    await committing?.catch(() => undefined);
    if (!queue.empty() || riders.waiting()) await start();
  };

  return {
    append: (records) => {
      if (closed) throw new LogUnavailableError('the log is closed');
      const durable = queue.add(records);
      schedule();
      return durable;
    },
    nudge,
    flush,
    probe: async () => {
      if (closed) throw new LogUnavailableError('the log is closed');
      if (failed) await start();
    },
    close: async () => {
      closed = true;
      idleTimer?.();
      while (committing !== null || !queue.empty() || riders.waiting()) await start();
    },
  };
}

/**
 * Calls `run` once for any number of requests, at least `spacingMs` after it was called before. Real time, not the
 * clock's: pacing the disk is no event that a test plays, and on a clock that stands still the log has to go on. A commit
 * costs about 0.2 ms of CPU however small it is; spacing bounds that to a few per cent.
 */
function createPace(spacingMs: number, run: () => void): () => void {
  let ranAt = -Infinity;
  let scheduled = false;
  const go = (): void => {
    scheduled = false;
    ranAt = performance.now();
    run();
  };
  return () => {
    if (scheduled) return;
    scheduled = true;
    const wait = ranAt + spacingMs - performance.now();
    // Whoever appends has gathered what came in one turn. To gather once more would cost a turn of a busy loop.
    if (wait <= 0) queueMicrotask(go);
    else setTimeout(go, wait);
  };
}

async function commitTurn(options: WriterOptions, turn: readonly Append[], probing: boolean): Promise<void> {
  const { storage, riders } = options;
  const appended = turn.reduce((sum, { records }) => sum + records.length, 0);
  let settleRiders: (durable: boolean) => void = () => undefined;
  try {
    await storage.commit((batch) => {
      for (const { records } of turn) {
        for (const { partition, record, bytes } of records) {
          // Never given out again, even if this commit fails: it may have reached the disk all the same.
          record.offset = partition.allocated;
          partition.allocated += 1;
          if (bytes.length > PIECE_BYTES) partition.inPiecesBelow = record.offset + 1;
          batch.putInPieces(recordKey(partition.topicId, partition.partition, record.offset), bytes);
        }
      }
      settleRiders = riders.board(batch, appended);
      if (probing) batch.put(PROBE_KEY, PROBE_KEY);
    });
  } catch (error) {
    settleRiders(false);
    throw error;
  }
  settleRiders(true);
  const touched = new Set<TopicPartition>();
  for (const { records } of turn) {
    for (const { partition, record } of records) {
      partition.next = record.offset + 1;
      partition.recent.push(record);
      touched.add(partition);
    }
  }
  if (touched.size > 0) options.onAppended(touched);
}
