import type { TopicSpec } from '../topics.ts';
import { firstOffset, nextOffset, type Beyond, type Layout, type Marks } from './layout.ts';
import type { Storage } from './storage.ts';
import { createTopicPartition, type TopicPartition } from './topic-partition.ts';

/** The topics of the table with their partitions, as found on the disk. */
export interface Topics {
  readonly partitions: readonly TopicPartition[];
  /** @throws Error when the table has no such topic */
  of(topic: string): readonly TopicPartition[];
  spec(topic: string): TopicSpec | undefined;
}

export function openTopics(options: {
  storage: Storage;
  layout: Layout;
  specs: readonly TopicSpec[];
  marks: Marks;
  beyond: Beyond;
  recentBytes: number;
}): Topics {
  const { storage, layout, marks, beyond, recentBytes } = options;
  const specs = new Map(options.specs.map((spec) => [spec.name, spec]));
  const topics = new Map<string, TopicPartition[]>();
  for (const topic of specs.keys()) {
    const topicId = layout.topicIds[topic] ?? 0;
    const partitions = Array.from({ length: layout.partitions }, (_, partition) => {
      // Offsets go on where they ended, also when everything was consumed and removed, or became too old: given out
      // again, one that is done would be passed over.
      const marked = [...marks.values()].map((ofGroup) => ofGroup.get(topic)?.[partition] ?? 0);
      const done = [...beyond.values()].map(
        (ofGroup) => ofGroup.get(`${topic}/${partition}`)?.().at(-1)?.to ?? 0,
      );
      const next = Math.max(nextOffset(storage, topicId, partition), ...marked, ...done);
      const first = firstOffset(storage, topicId, partition) ?? next;
      return createTopicPartition({ topic, topicId, partition, first, next }, recentBytes);
    });
    topics.set(topic, partitions);
  }
  return {
    partitions: [...topics.values()].flat(),
    of: (topic) => {
      const partitions = topics.get(topic);
      if (partitions === undefined) throw new Error(`the log has no topic ${topic}`);
      return partitions;
    },
    spec: (topic) => specs.get(topic),
  };
}
