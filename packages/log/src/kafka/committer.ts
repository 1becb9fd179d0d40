import type { Logger } from '@milena/runtime';
import type { OffsetsByTopicPartition } from 'kafkajs';
import type { Reader } from './reader.ts';

/** Commits the marks that have moved, together and at a pace. */
export interface Committer {
  moved(reader: Reader): void;
  /** Commits what has moved by now, if it may. Never rejects: what was refused goes with the next. */
  flush(): Promise<void>;
  /** Something of what we still hold has moved and is not known to be committed. */
  pending(): boolean;
  stop(): void;
}

export function createCommitter(deps: {
  /** Real time: after a crash this much of acks is repeated. */
  intervalMs: number;
  /** The topic's name in the cluster. */
  nameOf: (topic: string) => string;
  /** Null when it is not the moment for commits. */
  commit: (offsets: OffsetsByTopicPartition) => Promise<void> | null;
  group: string;
  logger?: Logger | undefined;
}): Committer {
  const moved = new Set<Reader>();
  /** Commits that are not answered yet. */
  let sending = 0;
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;

  const arm = (): void => {
    if (stopped) return;
    timer ??= setTimeout(() => {
      timer = null;
      void flush();
    }, deps.intervalMs).unref();
  };
  const dropInactive = (): void => {
    for (const reader of moved) if (!reader.active) moved.delete(reader);
  };
  const flush = async (): Promise<void> => {
    dropInactive();
    if (moved.size === 0) return;
    const readers = [...moved];
    const sent = deps.commit(offsetsOf(readers, deps.nameOf));
    if (sent === null) {
      arm();
      return;
    }
    moved.clear();
    sending += 1;
    try {
      await sent;
    } catch (error) {
      // Refused for a rebalance, or the cluster is away. The marks still stand, and go again unless they are lost.
      deps.logger?.debug({ event: 'log.commit_refused', group: deps.group, err: error });
      for (const reader of readers) if (reader.active) moved.add(reader);
      if (moved.size > 0) arm();
    } finally {
      sending -= 1;
    }
  };

  return {
    moved: (reader) => {
      moved.add(reader);
      arm();
    },
    flush,
    pending: () => {
      dropInactive();
      return sending > 0 || moved.size > 0;
    },
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

function offsetsOf(readers: readonly Reader[], nameOf: (topic: string) => string): OffsetsByTopicPartition {
  const topics = new Map<string, { partition: number; offset: string }[]>();
  for (const { partition, tracker } of readers) {
    const one = { partition: partition.partition, offset: String(tracker.mark()) };
    const ofTopic = topics.get(partition.topic);
    if (ofTopic === undefined) topics.set(partition.topic, [one]);
    else ofTopic.push(one);
  }
  return { topics: [...topics].map(([topic, partitions]) => ({ topic: nameOf(topic), partitions })) };
}
