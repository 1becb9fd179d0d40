import type { StoredRecord } from '../hand-out.ts';

/** Where a consumer is in a topic-partition. */
export interface Position {
  /** Offset of the next record to read. */
  position: number;
}

/** One partition of one topic. Offsets are below 2^48. */
export interface TopicPartition {
  readonly topic: string;
  readonly topicId: number;
  readonly partition: number;
  /** Names it in maps: `topic/partition`. */
  readonly id: string;
  /** No record below this offset is left. */
  first: number;
  /** Offset that the next append gets. */
  allocated: number;
  /** End of what consumers may read: everything below is durable. */
  next: number;
  /** Records below this offset may be stored in pieces. */
  inPiecesBelow: number;
  /** Records below this offset are too old to keep, whoever has not consumed them. */
  expiredBelow: number;
  /** Consumers that read it now. */
  readonly readers: Set<Position>;
  /** The newest records, for readers that keep up, so that these never read the disk. */
  readonly recent: Recent;
}

export interface Recent {
  push(record: StoredRecord): void;
  at(offset: number): StoredRecord | undefined;
  /** Forgets what no reader needs that is not further behind. */
  release(): void;
}

export function createTopicPartition(
  base: { topic: string; topicId: number; partition: number; first: number; next: number },
  recentBytes: number,
): TopicPartition {
  const readers = new Set<Position>();
  return {
    ...base,
    id: `${base.topic}/${base.partition}`,
    allocated: base.next,
    // Nobody has looked.
    inPiecesBelow: base.next,
    expiredBelow: 0,
    readers,
    recent: createRecent(readers, base.next, recentBytes),
  };
}

/** Dropped entries are cut off in lumps, which keeps it O(1) amortised. */
const COMPACT_AT = 256;

/**
 * A run of consecutive offsets, bounded by bytes of value, for the readers that are in it. It begins when a reader has read
 * all there was; when one of them falls behind by more than the bound all of it goes: that one needs the oldest first, and
 * reads the disk until it has caught up. What waits for a reader that waits itself (for the time of its retries) would
 * only grow old in memory.
 */
function createRecent(readers: ReadonlySet<Position>, next: number, maxBytes: number): Recent {
  let records: (StoredRecord | undefined)[] = [];
  let head = 0;
  let bytes = 0;
  /** The offset after the last one that was pushed, kept or not. */
  let end = next;

  const clear = (): void => {
    records = [];
    head = 0;
    bytes = 0;
  };
  const keptUp = (): boolean => {
    for (const { position } of readers) if (position >= end) return true;
    return false;
  };
  const compact = (): void => {
    if (head === records.length) clear();
    else if (head >= COMPACT_AT && head * 2 >= records.length) {
      records = records.slice(head);
      head = 0;
    }
  };

  const release = (): void => {
    const start = records[head]?.offset ?? end;
    let needed = end;
    for (const { position } of readers) if (position >= start) needed = Math.min(needed, position);
    for (let first = records[head]; first !== undefined && first.offset < needed; first = records[head]) {
      bytes -= first.value.length;
      records[head] = undefined;
      head += 1;
    }
    compact();
  };

  return {
    push: (record) => {
      if (end !== record.offset) clear();
      const wanted = records.length > 0 || keptUp();
      end = record.offset + 1;
      if (!wanted) return;
      records.push(record);
      bytes += record.value.length;
      if (bytes > maxBytes) release();
      if (bytes > maxBytes) clear();
    },
    at: (offset) => {
      const first = records[head];
      return first === undefined || offset < first.offset ? undefined : records[head + offset - first.offset];
    },
    release,
  };
}
