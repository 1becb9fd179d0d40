import { decodeRuns, within, type Run } from '../done-runs.ts';
import type { AdminDesk } from './clients.ts';

/** What lies in a topic-partition, and how far a group has come. */
export interface PartitionRange {
  topic: string;
  partition: number;
  /** Offset that the next record gets. */
  end: number;
  /** Where the group goes on: its commit, or the first record that is kept. */
  start: number;
  /** What it has done beyond that: the commit's metadata, if they are ours. */
  done: readonly Run[];
}

/** @param topics as they are named in the cluster, like `group` */
export async function fetchRanges(
  desk: AdminDesk,
  group: string,
  topics: readonly string[],
): Promise<PartitionRange[]> {
  const [committed, ...bounds] = await Promise.all([
    desk.ask((admin) => admin.fetchOffsets({ groupId: group, topics: [...topics] })),
    ...topics.map((topic) => desk.ask((admin) => admin.fetchTopicOffsets(topic))),
  ]);
  return topics.flatMap((topic, index) => {
    const commits = new Map(
      committed
        .find((one) => one.topic === topic)
        ?.partitions.map(({ partition, offset, metadata }) => [partition, { at: Number(offset), metadata }]),
    );
    return (bounds[index] ?? []).map(({ partition, low, high }) => {
      const first = Number(low);
      const end = Number(high);
      // -1 without a commit. One from beyond the end is about an earlier topic of that name.
      const { at, metadata } = commits.get(partition) ?? { at: -1, metadata: null };
      const start = at < first || at > end ? first : at;
      // What lies beyond the end was lost by the cluster: its offsets are given to other records.
      const done = at < 0 || at > end ? [] : within(decodeRuns(metadata ?? '', at), start, end);
      return { topic, partition, end, start, done };
    });
  });
}
