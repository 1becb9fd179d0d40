import type { Run } from '../done-runs.ts';
import { dueAtOf } from '../due-window.ts';
import type { PartitionReader, StoredRecord } from '../hand-out.ts';
import { createOffsetTracker } from '../offset-tracker.ts';
import { decodeRecord, offsetOf, recordKey } from './record-codec.ts';
import type { Storage } from './storage.ts';
import type { Position, TopicPartition } from './topic-partition.ts';

/** One reading of the disk; a larger record comes alone. */
const CHUNK_RECORDS = 64;
const CHUNK_BYTES = 128 * 1024;

/** One consumer's way through one topic-partition, from take-over to loss. */
export interface Reader extends PartitionReader, Position {
  readonly partition: TopicPartition;
  close(): void;
}

/** @param done what earlier owners have done beyond the mark */
export function createReader(
  storage: Storage,
  partition: TopicPartition,
  mark: number,
  done: readonly Run[],
): Reader {
  let chunk: StoredRecord[] = [];
  let chunkAt = 0;

  const reader: Reader = {
    partition,
    tracker: createOffsetTracker(mark, done),
    redeliveredBelow: partition.next,
    position: mark,
    active: true,
    queued: false,
    unackedRecords: 0,
    unackedBytes: 0,
    peek: () => {
      const read = chunk[chunkAt];
      if (read !== undefined) return read;
      if (reader.position >= partition.next) return undefined;
      const recent = partition.recent.at(reader.position);
      if (recent !== undefined) return recent;
      chunk = readChunk(storage, partition, Math.max(reader.position, partition.first));
      chunkAt = 0;
      // Nothing there: the rest was given up for its age, or its commit failed.
      if (chunk.length === 0) reader.position = partition.next;
      return chunk[0];
    },
    advance: () => {
      const read = chunk[chunkAt];
      if (read === undefined) reader.position += 1;
      else {
        reader.position = read.offset + 1;
        chunkAt += 1;
        if (chunkAt === chunk.length) chunk = [];
      }
      if (reader.position >= partition.next) partition.recent.release();
    },
    reread: (offset) => {
      const bytes = storage.get(recordKey(partition.topicId, partition.partition, offset));
      return bytes && recordOf(offset, bytes);
    },
    close: () => {
      reader.active = false;
      chunk = [];
      partition.readers.delete(reader);
      partition.recent.release();
    },
  };
  partition.readers.add(reader);
  return reader;
}

function readChunk(
  storage: Storage,
  { topicId, partition, next }: TopicPartition,
  from: number,
): StoredRecord[] {
  const records: StoredRecord[] = [];
  let bytes = 0;
  for (const entry of storage.range(
    recordKey(topicId, partition, from),
    recordKey(topicId, partition, next),
    CHUNK_RECORDS,
  )) {
    const record = recordOf(offsetOf(entry.key), entry.value);
    records.push(record);
    bytes += record.value.length;
    if (bytes >= CHUNK_BYTES) break;
  }
  return records;
}

function recordOf(offset: number, bytes: Buffer): StoredRecord {
  const { key, headers, value } = decodeRecord(bytes);
  return { offset, key, headers, value, dueAt: dueAtOf(headers) };
}
