import { marksEntry, type Marks } from './layout.ts';
import { recordKey } from './record-codec.ts';
import type { TopicPartition } from './topic-partition.ts';
import type { Topics } from './topics.ts';
import type { Riders } from './writer.ts';

/** Removals in one commit; at about 1.5 µs each they keep the event loop for 1–2 ms. */
const REMOVALS_PER_COMMIT = 1_000;
interface Retention extends Riders {
  /** A group's mark in this partition moved: it is to be stored, and may free records. */
  committed(group: string, partition: TopicPartition): void;
  /** Records below this offset are older than their topic keeps them. */
  expired(partition: TopicPartition, below: number): void;
}

/**
 * Stores commit marks and removes records: soon after every group of the topic has committed them, or when they are older
 * than the topic keeps them. Both ride along with appends, where the pages they touch are being written anyway.
 */
export function createRetention(options: { topics: Topics; marks: Marks; nudge(): void }): Retention {
  const { topics, marks } = options;
  /** Topics by group whose marks are not stored yet. */
  let dirty = new Map<string, Set<string>>();
  /** Partitions that may have records to remove; which ones, `board` finds out, so that an ack stays cheap. */
  const removable = new Set<TopicPartition>(topics.partitions);
  const note = (group: string, topic: string): void => {
    const ofGroup = dirty.get(group);
    if (ofGroup === undefined) dirty.set(group, new Set([topic]));
    else ofGroup.add(topic);
  };

  /** What lies below is to be removed. */
  const lowMark = (partition: TopicPartition): number => {
    const groups = topics.spec(partition.topic)?.groups ?? [];
    const consumed = groups.map(
      (group) => marks.get(group)?.get(partition.topic)?.[partition.partition] ?? 0,
    );
    return Math.max(partition.expiredBelow, groups.length === 0 ? 0 : Math.min(...consumed));
  };
  return {
    waiting: () => dirty.size > 0 || removable.size > 0,
    committed: (group, partition) => {
      note(group, partition.topic);
      removable.add(partition);
      options.nudge();
    },
    board: (batch) => {
      const boarded = dirty;
      dirty = new Map();
      for (const [group, ofGroup] of boarded) {
        for (const topic of ofGroup) {
          const { key, value } = marksEntry(group, topic, marks.get(group)?.get(topic) ?? []);
          batch.put(key, value);
        }
      }
      const removed: { partition: TopicPartition; below: number }[] = [];
      let budget = REMOVALS_PER_COMMIT;
      for (const partition of removable) {
        const below = Math.max(partition.first, Math.min(lowMark(partition), partition.first + budget));
        for (let offset = partition.first; offset < below; offset += 1) {
          batch.remove(recordKey(partition.topicId, partition.partition, offset));
        }
        removed.push({ partition, below });
        budget -= below - partition.first;
        if (budget === 0) break;
      }
      return (durable) => {
        if (durable) for (const { partition, below } of removed) partition.first = below;
        else for (const [group, ofGroup] of boarded) for (const topic of ofGroup) note(group, topic);
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
