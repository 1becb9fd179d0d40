import type { Beyond, Marks } from './layout.ts';
import { createProgress } from './progress.ts';
import { offsetOf, recordKey } from './record-codec.ts';
import type { Batch } from './storage.ts';
import type { TopicPartition } from './topic-partition.ts';
import type { Topics } from './topics.ts';
import type { Riders } from './writer.ts';

/** Removals in one commit; at about 1.5 µs each they keep the event loop for 1–2 ms. */
const REMOVALS_PER_COMMIT = 1_000;
/** In one with appends, which wait for them, as few as keep up: what a recorder has stored may be hundreds at once. */
const removalsBeside = (appended: number): number =>
  appended === 0 ? REMOVALS_PER_COMMIT : Math.min(REMOVALS_PER_COMMIT, Math.max(16, 2 * appended));

interface Retention extends Riders {
  /** A group has done more in this partition, which is to be stored. That its mark moved may free records. */
  progressed(group: string, partition: TopicPartition, marked: boolean): void;
  /** Records below this offset are older than their topic keeps them. */
  expired(partition: TopicPartition, below: number): void;
}

/**
 * Stores commit marks with what is done beyond them, and removes records: soon after every group of the topic has committed
 * them, or when they are older than the topic keeps them. Both ride along with appends, where the pages they touch are being
 * written anyway.
 */
export function createRetention(options: {
  topics: Topics;
  marks: Marks;
  beyond: Beyond;
  nudge(): void;
}): Retention {
  const { topics, marks } = options;
  const progress = createProgress(marks, options.beyond);
  /** Partitions that may have records to remove; which ones, `board` finds out, so that an ack stays cheap. */
  const removable = new Set<TopicPartition>(topics.partitions);

  /** What lies below is to be removed. */
  const lowMark = (partition: TopicPartition): number => {
    const groups = topics.spec(partition.topic)?.groups ?? [];
    const consumed = groups.map(
      (group) => marks.get(group)?.get(partition.topic)?.[partition.partition] ?? 0,
    );
    return Math.max(partition.expiredBelow, groups.length === 0 ? 0 : Math.min(...consumed));
  };
  return {
    waiting: () => progress.waiting() || removable.size > 0,
    progressed: (group, partition, marked) => {
      progress.note(group, partition);
      if (marked) removable.add(partition);
      options.nudge();
    },
    board: (batch, appended) => {
      const settleProgress = progress.board(batch, appended);
      const removed: { partition: TopicPartition; below: number }[] = [];
      let budget = removalsBeside(appended);
      for (const partition of removable) {
        const wanted = Math.max(partition.first, Math.min(lowMark(partition), partition.first + budget));
        const { below, cost } = remove(batch, partition, wanted, budget);
        removed.push({ partition, below });
        budget -= cost;
        if (budget <= 0) break;
      }
      return (durable) => {
        settleProgress(durable);
        if (durable) for (const { partition, below } of removed) partition.first = below;
        for (const { partition } of removed) {
          if (lowMark(partition) <= partition.first) removable.delete(partition);
        }
      };
    },
    expired: (partition, below) => {
      partition.expiredBelow = below;
      removable.add(partition);
      options.nudge();
    },
  };
}

/**
 * Removes records below `wanted`, with their pieces as long as these are within the budget: thousands may be of few records.
 * Where there can be none it does without looking for them, which costs more than a removal.
 */
function remove(batch: Batch, partition: TopicPartition, wanted: number, budget: number) {
  const { topicId, first, inPiecesBelow } = partition;
  const keyOf = (offset: number): Buffer => recordKey(topicId, partition.partition, offset);
  if (first < Math.min(wanted, inPiecesBelow)) {
    const { removed, left } = batch.removeRange(keyOf(first), keyOf(wanted), budget);
    return { below: left === null ? wanted : offsetOf(left), cost: removed };
  }
  for (let offset = first; offset < wanted; offset += 1) batch.remove(keyOf(offset));
  return { below: wanted, cost: wanted - first };
}
