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
  /** Records below this offset are too old to keep, whoever has not consumed them. */
  expiredBelow: number;
  /** Consumers that read it now. */
  readonly readers: Set<Position>;
  /** The newest records, as long as some reader still needs them, so that who keeps up never reads the disk. */
  readonly recent: Recent;
}

export interface Recent {
  push(record: StoredRecord): void;
  at(offset: number): StoredRecord | undefined;
  /** Forgets what every reader has passed. */
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
    expiredBelow: 0,
    readers,
    recent: createRecent(readers, recentBytes),
  };
}

/** Dropped entries are cut off in lumps, which keeps it O(1) amortised. */
const COMPACT_AT = 256;

/** A run of consecutive offsets, bounded by bytes of value; the oldest go first. */
function createRecent(readers: ReadonlySet<Position>, maxBytes: number): Recent {
  let records: (StoredRecord | undefined)[] = [];
  let head = 0;
  let bytes = 0;

  const clear = (): void => {
    records = [];
    head = 0;
    bytes = 0;
  };
  const dropFirst = (record: StoredRecord): void => {
    bytes -= record.value.length;
    records[head] = undefined;
    head += 1;
  };
  const compact = (): void => {
    if (head === records.length) clear();
    else if (head >= COMPACT_AT && head * 2 >= records.length) {
      records = records.slice(head);
      head = 0;
    }
  };

  return {
    push: (record) => {
      if (readers.size === 0) {
        clear();
        return;
      }
      const last = records.at(-1);
      if (last !== undefined && last.offset + 1 !== record.offset) clear();
      records.push(record);
      bytes += record.value.length;
      for (let first = records[head]; first !== undefined && bytes > maxBytes; first = records[head]) {
        dropFirst(first);
      }
      compact();
    },
    at: (offset) => {
      const first = records[head];
      return first === undefined || offset < first.offset ? undefined : records[head + offset - first.offset];
    },
    release: () => {
      let needed = Number.MAX_SAFE_INTEGER;
      for (const reader of readers) needed = Math.min(needed, reader.position);
      for (let first = records[head]; first !== undefined && first.offset < needed; first = records[head]) {
        dropFirst(first);
      }
      compact();
    },
  };
}
