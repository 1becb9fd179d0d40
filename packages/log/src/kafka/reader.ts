import type { KafkaMessage } from 'kafkajs';
import type { Run } from '../done-runs.ts';
import { dueAtOf } from '../due-window.ts';
import type { PartitionReader, StoredRecord } from '../hand-out.ts';
import { createOffsetTracker } from '../offset-tracker.ts';
import { unpackHeaders } from './packed-headers.ts';

/** A topic-partition by the names that the log's users know. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly id: string;
}

export function topicPartition(topic: string, partition: number): TopicPartition {
  return { topic, partition, id: `${topic}/${partition}` };
}

/** One consumer's way through one topic-partition, from take-over to loss, over any number of rebalances in between. */
export interface Reader extends PartitionReader {
  readonly partition: TopicPartition;
  /** Offset after the last one that was read ahead. */
  position(): number;
  /** Read ahead and not taken yet. */
  aheadBytes(): number;
  /** Takes what was fetched, but for what it has already. */
  feed(messages: readonly KafkaMessage[]): void;
  /** Fetching is paused. */
  paused: boolean;
}

/** What a record takes up in memory beyond its value. */
const RECORD_OVERHEAD = 200;

export function createReader(options: {
  partition: TopicPartition;
  /** Where the group has come to. */
  start: number;
  /** What it has done beyond that. */
  done: readonly Run[];
  /** End of the topic-partition at take-over. */
  end: number;
  /** So much more is read ahead now (or less). */
  onAhead(bytes: number): void;
}): Reader {
  let fed = options.start;
  let ahead = 0;
  /** As they were fetched; the first is taken from at `at`. */
  const chunks: (readonly KafkaMessage[])[] = [];
  let at = 0;
  let next: StoredRecord | undefined;

  const count = (bytes: number): void => {
    ahead += bytes;
    options.onAhead(bytes);
  };

  const reader: Reader = {
    partition: options.partition,
    tracker: createOffsetTracker(options.start, options.done),
    redeliveredBelow: options.end,
    active: true,
    queued: false,
    paused: false,
    unackedRecords: 0,
    unackedBytes: 0,
    position: () => fed,
    aheadBytes: () => ahead,
    feed: (messages) => {
      const first = messages.findIndex(({ offset }) => Number(offset) >= fed);
      const last = messages.at(-1);
      if (first < 0 || last === undefined) return;
      const fresh = first === 0 ? messages : messages.slice(first);
      fed = Number(last.offset) + 1;
      let bytes = 0;
      for (const { value } of fresh) bytes += RECORD_OVERHEAD + (value?.length ?? 0);
      chunks.push(fresh);
      count(bytes);
    },
    peek: () => {
      if (next !== undefined) return next;
      const message = chunks[0]?.[at];
      return message === undefined ? undefined : (next = decode(message));
    },
    advance: () => {
      const chunk = chunks[0];
      const message = chunk?.[at];
      if (chunk === undefined || message === undefined) return;
      next = undefined;
      at += 1;
      if (at === chunk.length) {
        chunks.shift();
        at = 0;
      }
      count(-RECORD_OVERHEAD - (message.value?.length ?? 0));
    },
  };
  return reader;
}

const NOTHING = Buffer.alloc(0);

function decode({ offset, key, value, headers }: KafkaMessage): StoredRecord {
  const decoded = unpackHeaders(headers);
  const dueAt = dueAtOf(decoded);
  // A value is a piece of the whole fetch. What may be held for long is copied, or it would hold all of that.
  const kept = dueAt === null || value === null ? value : Buffer.from(value);
  return {
    offset: Number(offset),
    key: key === null ? '' : key.toString(),
    value: kept ?? NOTHING,
    headers: decoded,
    dueAt,
  };
}
