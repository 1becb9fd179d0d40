import type { StoredRecord } from '../hand-out.ts';
import { LogUnavailableError } from '../message-log.ts';
import type { TopicPartition } from './topic-partition.ts';

/** One commit takes about this much, so that writing it keeps the event loop for a few ms at most. */
const COMMIT_RECORDS = 1_000;
const COMMIT_BYTES = 8 * 1024 * 1024;

/** A record on its way to the disk. */
export interface Appended {
  partition: TopicPartition;
  /** Its offset is given when it is committed. */
  record: StoredRecord;
  /** As it will be stored. */
  bytes: Buffer;
}

/** The records of one `append`, which wait together. */
export interface Append {
  records: readonly Appended[];
  bytes: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Appends that are not durable yet. */
interface AppendQueue {
  /** @throws LogUnavailableError when too much is waiting already */
  add(records: readonly Appended[]): Promise<void>;
  empty(): boolean;
  /** Takes the oldest appends, about one commit's worth. */
  take(): readonly Append[];
  /** Tells those who wait for what `take` returned; `error` null means durable. */
  settle(appends: readonly Append[], error: unknown): void;
}

/** @param maxBytes of all appends not settled; a single larger one passes when it is alone */
export function createAppendQueue(maxBytes: number): AppendQueue {
  let waiting: Append[] = [];
  let unsettledBytes = 0;
  return {
    add: (records) => {
      const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
      if (unsettledBytes > 0 && unsettledBytes + bytes > maxBytes) {
        throw new LogUnavailableError(`${unsettledBytes} bytes are waiting for the disk already`);
      }
      unsettledBytes += bytes;
      return new Promise((resolve, reject) => {
        waiting.push({ records, bytes, resolve, reject });
      });
    },
    empty: () => waiting.length === 0,
    take: () => {
      let records = 0;
      let bytes = 0;
      const end = waiting.findIndex((append) => {
        const full = records >= COMMIT_RECORDS || bytes >= COMMIT_BYTES;
        records += append.records.length;
        bytes += append.bytes;
        return full;
      });
      const taken = end < 0 ? waiting : waiting.slice(0, end);
      waiting = end < 0 ? [] : waiting.slice(end);
      return taken;
    },
    settle: (appends, error) => {
      for (const { bytes, resolve, reject } of appends) {
        unsettledBytes -= bytes;
        if (error === null) resolve();
        else reject(error);
      }
    },
  };
}
