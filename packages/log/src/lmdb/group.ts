import { assignPartitions } from '../assignment.ts';
import type { Run } from '../done-runs.ts';
import type { OffsetTracker } from '../offset-tracker.ts';
import type { TopicPartition } from './topic-partition.ts';

/** A consumer as its group sees it. */
export interface Member {
  /** These partitions are its own from now on, starting at the commit marks. */
  gain(partitions: readonly number[]): void;
  /** These are not its own any more. Returns after the consumer has been told. */
  lose(partitions: readonly number[]): void;
}

/** The consumers of one group name in this process, and how far the group has come in every topic-partition. */
export interface Group {
  readonly name: string;
  join(member: Member, topics: readonly string[]): void;
  /** Its partitions go to the members that are left. */
  leave(member: Member): void;
  /** Offset of the next record to consume. */
  mark(partition: TopicPartition): number;
  /** What is done beyond it. */
  beyond(partition: TopicPartition): readonly Run[];
  /** This tracker knows from now on what is done, after its partition was taken away also. */
  follow(partition: TopicPartition, tracker: OffsetTracker): void;
  /** More is done in this partition than before. */
  progressed(partition: TopicPartition, mark: number): void;
}

export function createGroup(options: {
  name: string;
  partitions: number;
  /** Marks by topic, as stored; grows with the topics that are consumed. */
  marks: Map<string, number[]>;
  /** By id of the topic-partition. */
  beyond: Map<string, () => readonly Run[]>;
  /** What is to be stored of this partition is another than before. */
  onProgress(partition: TopicPartition, marked: boolean): void;
}): Group {
  const { marks, beyond } = options;
  const members: Member[] = [];
  let topicsOfMembers = '';
  let owners: (Member | null)[] = Array.from({ length: options.partitions }, () => null);

  const rebalance = (): void => {
    const before = owners;
    owners = assignPartitions(before, members);
    const changed = (member: Member, from: typeof owners, to: typeof owners): number[] =>
      [...owners.keys()].filter((n) => from[n] === member && to[n] !== member);
    // Everyone lets go before anyone takes over: no partition has two owners, not even for a moment.
    for (const member of members) {
      const lost = changed(member, before, owners);
      if (lost.length > 0) member.lose(lost);
    }
    for (const member of members) {
      const gained = changed(member, owners, before);
      if (gained.length > 0) member.gain(gained);
    }
  };

  return {
    name: options.name,
    join: (member, topics) => {
      const wanted = [...topics].sort().join(', ');
      if (members.length === 0) topicsOfMembers = wanted;
      else if (wanted !== topicsOfMembers) {
        throw new Error(
          `group ${options.name} consumes [${topicsOfMembers}]; a member with other topics can't join`,
        );
      }
      members.push(member);
      rebalance();
    },
    leave: (member) => {
      const at = members.indexOf(member);
      if (at < 0) return;
      members.splice(at, 1);
      rebalance();
    },
    mark: ({ topic, partition, first }) => Math.max(marks.get(topic)?.[partition] ?? 0, first),
    beyond: ({ id }) => beyond.get(id)?.() ?? [],
    follow: ({ id }, tracker) => {
      beyond.set(id, () => tracker.beyond());
    },
    progressed: (partition, mark) => {
      const ofTopic = marks.get(partition.topic) ?? Array.from({ length: options.partitions }, () => 0);
      marks.set(partition.topic, ofTopic);
      const marked = mark > (ofTopic[partition.partition] ?? 0);
      if (marked) ofTopic[partition.partition] = mark;
      options.onProgress(partition, marked);
    },
  };
}
