import { beyondEntry, marksEntry, type Beyond, type Marks } from './layout.ts';
import type { TopicPartition } from './topic-partition.ts';
import type { Riders } from './writer.ts';

/** How far the groups have come: what of it is not stored yet rides along with the next commit. */
interface Progress extends Riders {
  note(group: string, partition: TopicPartition): void;
}

export function createProgress(marks: Marks, beyond: Beyond): Progress {
  /** Topic-partitions by group. */
  let dirty = new Map<string, Set<TopicPartition>>();
  /** Keys of what is stored beyond the marks: most of the time there is nothing, and nothing to remove. */
  const stored = new Set<string>(
    [...beyond].flatMap(([group, ofGroup]) => [...ofGroup.keys()].map((id) => `${group}\0${id}`)),
  );
  const note = (group: string, partition: TopicPartition): void => {
    const ofGroup = dirty.get(group);
    if (ofGroup === undefined) dirty.set(group, new Set([partition]));
    else ofGroup.add(partition);
  };

  return {
    note,
    waiting: () => dirty.size > 0,
    board: (batch) => {
      const boarded = dirty;
      dirty = new Map();
      const removed: string[] = [];
      for (const [group, partitions] of boarded) {
        for (const topic of new Set([...partitions].map((one) => one.topic))) {
          const { key, value } = marksEntry(group, topic, marks.get(group)?.get(topic) ?? []);
          batch.put(key, value);
        }
        for (const { id } of partitions) {
          const { key, value } = beyondEntry(group, id, beyond.get(group)?.get(id)?.() ?? []);
          const name = `${group}\0${id}`;
          if (value !== null) {
            batch.put(key, value);
            stored.add(name);
          } else if (stored.has(name)) {
            batch.remove(key);
            removed.push(name);
          }
        }
      }
      return (durable) => {
        if (durable) for (const name of removed) stored.delete(name);
        else for (const [group, partitions] of boarded) for (const one of partitions) note(group, one);
      };
    },
  };
}
