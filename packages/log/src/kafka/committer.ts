import type { Logger } from '@milena/runtime';
import type { OffsetsByTopicPartition, PartitionOffset } from 'kafkajs';
import { encodeRuns } from '../done-runs.ts';
import type { Reader } from './reader.ts';

/**
 * Most of what a commit may say about one topic-partition beyond its offset. A broker takes 4,096 bytes
 * (`offset.metadata.max.bytes`), which are some 1,900 runs; what is not said is repeated by the next owner.
 */
const METADATA_CHARS = 3_820;

/** Commits what is done, together and at a pace. */
export interface Committer {
  /** The reader's mark has moved, or more beyond it is done. */
  progressed(reader: Reader): void;
  /** Commits what is done by now, if it may. Never rejects: what was refused goes with the next. */
  flush(): Promise<void>;
  /** Something of what we still hold is done and not known to be committed. */
  pending(): boolean;
  stop(): void;
}

interface CommitterDeps {
  /** Real time: after a crash this much of acks is repeated. */
  intervalMs: number;
  /** The topic's name in the cluster. */
  nameOf: (topic: string) => string;
  /** Null when it is not the moment for commits. */
  commit: (offsets: OffsetsByTopicPartition) => Promise<void> | null;
  group: string;
  logger?: Logger | undefined;
}

export function createCommitter(deps: CommitterDeps): Committer {
  const progressed = new Set<Reader>();
  /** Commits that are not answered yet. */
  let sending = 0;
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  let metadataChars = METADATA_CHARS;

  const arm = (): void => {
    if (stopped) return;
    timer ??= setTimeout(() => {
      timer = null;
      void flush();
    }, deps.intervalMs).unref();
  };
  const dropInactive = (): void => {
    for (const reader of progressed) if (!reader.active) progressed.delete(reader);
  };
  const refused = (error: unknown): void => {
    const { group, logger } = deps;
    if ((error as { type?: unknown }).type === 'OFFSET_METADATA_TOO_LARGE') {
      metadataChars = Math.floor(metadataChars / 2);
      logger?.warn({ event: 'log.commit_shortened', group, chars: metadataChars });
    } else logger?.debug({ event: 'log.commit_refused', group, err: error });
  };
  const flush = async (): Promise<void> => {
    dropInactive();
    if (progressed.size === 0) return;
    const readers = [...progressed];
    const sent = deps.commit(offsetsOf(readers, deps.nameOf, metadataChars));
    if (sent === null) {
      arm();
      return;
    }
    progressed.clear();
    sending += 1;
    try {
      await sent;
    } catch (error) {
      // For a rebalance, or the cluster is away. What is done still stands, and goes again unless it is lost.
      refused(error);
      for (const reader of readers) if (reader.active) progressed.add(reader);
      if (progressed.size > 0) arm();
    } finally {
      sending -= 1;
    }
  };

  return {
    progressed: (reader) => {
      progressed.add(reader);
      arm();
    },
    flush,
    pending: () => {
      dropInactive();
      return sending > 0 || progressed.size > 0;
    },
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** kafkajs passes the metadata on; its types don't know them. */
type Commit = PartitionOffset & { metadata: string };

function offsetsOf(
  readers: readonly Reader[],
  nameOf: (topic: string) => string,
  metadataChars: number,
): OffsetsByTopicPartition {
  const topics = new Map<string, Commit[]>();
  const now = Date.now();
  for (const { partition, tracker } of readers) {
    const mark = tracker.mark();
    const metadata = encodeRuns(tracker.beyond(), mark, metadataChars, now);
    const one = { partition: partition.partition, offset: String(mark), metadata };
    const ofTopic = topics.get(partition.topic);
    if (ofTopic === undefined) topics.set(partition.topic, [one]);
    else ofTopic.push(one);
  }
  return { topics: [...topics].map(([topic, partitions]) => ({ topic: nameOf(topic), partitions })) };
}
