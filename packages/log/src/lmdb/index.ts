import type { Clock, Logger } from '@milena/runtime';
import { dueAtOf } from '../due-window.ts';
import type { LogRecord, MessageLog } from '../message-log.ts';
import { partitionOf } from '../partitioner.ts';
import { delayOf, formerRetryTopics, type TopicSpec } from '../topics.ts';
import type { Appended } from './append-queue.ts';
import { createConsumers } from './consumers.ts';
import { startExpiry } from './expiry.ts';
import { openLayout, readBeyond, readMarks, warnOfOrphans, type Layout } from './layout.ts';
import { encodeRecord, valueOf } from './record-codec.ts';
import { createRetention } from './retention.ts';
import { openStorage, type Storage } from './storage.ts';
import type { TopicPartition } from './topic-partition.ts';
import { openTopics } from './topics.ts';
import { createWriter } from './writer.ts';

/** Bounds in memory and pace; the defaults hold 1 KB records at thousands a second in a small process. */
export interface LmdbLogLimits {
  /** Bytes of appends not yet durable, beyond which `append` rejects. */
  pendingAppendBytes: number;
  /** Newest records kept in memory per topic-partition for a consumer that is about to read them. */
  recentBytesPerPartition: number;
  /** Records read before their due time, per consumer and topic-partition. */
  heldRecordsPerPartition: number;
  heldBytesPerPartition: number;
  /** Least time between the starts of two commits; what an append waits at most before its commit begins. */
  commitSpacingMs: number;
}

export const DEFAULT_LIMITS: LmdbLogLimits = {
  pendingAppendBytes: 64 * 1024 * 1024,
  recentBytesPerPartition: 128 * 1024,
  heldRecordsPerPartition: 2_000,
  heldBytesPerPartition: 2 * 1024 * 1024,
  commitSpacingMs: 3,
};

export interface LmdbLogOptions {
  /** Directory of the log, made when missing. One process at a time. */
  path: string;
  topics: readonly TopicSpec[];
  /** The same for every topic, and for the life of the directory. */
  partitions: number;
  clock: Clock;
  logger?: Logger;
  limits?: Partial<LmdbLogLimits>;
}

/**
 * The message log in this process on LMDB. An append is durable when it resolves (against power loss too). Records are
 * removed soon after every group of their topic has committed them, so the file holds what is in motion.
 *
 * @throws Error when the directory was made with another partition count
 * @throws LogUnavailableError when the disk refuses
 */
export async function createLmdbLog(options: LmdbLogOptions): Promise<MessageLog> {
  const storage = openStorage(options.path);
  try {
    const layout = await openLayout(storage, options);
    const former = formerRetryTopics(Object.keys(layout.topicIds), options.topics);
    const all = { ...options, topics: [...options.topics, ...former] };
    warnOfOrphans(storage, layout, all);
    return assemble(all, storage, layout);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function assemble(options: LmdbLogOptions, storage: Storage, layout: Layout): MessageLog {
  const { clock, logger, partitions } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const progress = { marks: readMarks(storage), beyond: readBeyond(storage) };
  const recentBytes = limits.recentBytesPerPartition;
  const topics = openTopics({ storage, layout, specs: options.topics, ...progress, recentBytes });
  const retention = createRetention({
    topics,
    ...progress,
    nudge: () => {
      writer.nudge();
    },
  });
  const writer = createWriter({
    storage,
    clock,
    riders: retention,
    maxPendingBytes: limits.pendingAppendBytes,
    commitSpacingMs: limits.commitSpacingMs,
    onAppended: (appended) => {
      consumers.wake(appended);
    },
  });
  const window = { maxRecords: limits.heldRecordsPerPartition, maxBytes: limits.heldBytesPerPartition };
  const consumers = createConsumers({
    ...{ storage, clock, logger, topics, partitions, ...progress, window },
    progressed: (group, partition, marked) => {
      retention.progressed(group, partition, marked);
    },
    flush: () => writer.flush(),
  });
  if (retention.waiting()) writer.nudge();
  const stopExpiry = startExpiry({
    ...{ storage, clock, logger, topics },
    expired: (partition, below) => {
      retention.expired(partition, below);
    },
  });

  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    stopExpiry();
    const outcomes = await Promise.allSettled([writer.close(), consumers.stop()]);
    await storage.close();
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  };
  return {
    append: async (records) => {
      const now = clock.now();
      await writer.append(records.map((record) => toAppend(record, topics.of(record.topic), now)));
    },
    consume: async (wanted) => {
      await writer.probe();
      return consumers.join(wanted);
    },
    lag: (group, names) => Promise.resolve(consumers.lag(group, names)),
    retryTopics: () => Promise.resolve(namesOf(options.topics).filter((name) => delayOf(name) !== null)),
    ping: () => writer.probe(),
    close: () => (closing ??= close()),
  };
}

const namesOf = (topics: readonly TopicSpec[]): string[] => topics.map(({ name }) => name);

function toAppend(record: LogRecord, ofTopic: readonly TopicPartition[], now: number): Appended {
  const partition = ofTopic[partitionOf(record.key, ofTopic.length)];
  if (partition === undefined) throw new Error(`topic ${record.topic} has no partitions`);
  const bytes = encodeRecord(record, now);
  const { key } = record;
  // A copy, as of the value: what consumers get must not change with what the caller does to its own.
  const headers = { ...record.headers };
  return {
    partition,
    bytes,
    record: { offset: 0, key, headers, value: valueOf(bytes), dueAt: dueAtOf(headers) },
  };
}
