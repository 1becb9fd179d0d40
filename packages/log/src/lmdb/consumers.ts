import type { Clock, Logger } from '@milena/runtime';
import type { ConsumeOptions, GroupLag } from '../message-log.ts';
import { createConsumer, type LmdbConsumer } from './consumer.ts';
import { createGroup, type Group } from './group.ts';
import { ofGroup, type Beyond, type Marks } from './layout.ts';
import type { Storage } from './storage.ts';
import type { TopicPartition } from './topic-partition.ts';
import type { Topics } from './topics.ts';

/** Every consumer of this log, by group. */
interface Consumers {
  /** @throws Error for an unknown topic, or topics that differ from those of the group's other members */
  join(options: ConsumeOptions): LmdbConsumer;
  wake(partitions: ReadonlySet<TopicPartition>): void;
  lag(group: string, topics: readonly string[]): GroupLag[];
  stop(): Promise<void>;
}

export function createConsumers(deps: {
  storage: Storage;
  clock: Clock;
  logger?: Logger | undefined;
  topics: Topics;
  partitions: number;
  marks: Marks;
  beyond: Beyond;
  window: { maxRecords: number; maxBytes: number };
  progressed(group: string, partition: TopicPartition, marked: boolean): void;
  flush(): Promise<void>;
}): Consumers {
  const { topics, marks, beyond } = deps;
  const groups = new Map<string, Group>();
  const consumers = new Set<LmdbConsumer>();

  const groupOf = (name: string): Group => {
    const known = groups.get(name);
    if (known !== undefined) return known;
    const group = createGroup({
      name,
      partitions: deps.partitions,
      marks: ofGroup(marks, name),
      beyond: ofGroup(beyond, name),
      onProgress: (partition, marked) => {
        deps.progressed(name, partition, marked);
      },
    });
    groups.set(name, group);
    return group;
  };

  return {
    join: (options) => {
      const wanted = options.topics.map((topic) => topics.of(topic));
      const consumer = createConsumer({
        ...deps,
        options,
        group: groupOf(options.group),
        partitionsOf: (n) => wanted.flatMap((ofTopic) => ofTopic[n] ?? []),
        onStopped: (stopped) => {
          consumers.delete(stopped);
        },
      });
      consumers.add(consumer);
      return consumer;
    },
    wake: (partitions) => {
      for (const consumer of consumers) consumer.wake(partitions);
    },
    lag: (name, names) => {
      const group = groupOf(name);
      return names.map((topic) => {
        const partitions = topics.of(topic).map((one) => ({ mark: group.mark(one), end: one.next }));
        return { topic, partitions, records: partitions.reduce((sum, { mark, end }) => sum + end - mark, 0) };
      });
    },
    stop: async () => {
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
    },
  };
}
