import { decodeRuns, timeAmong, within, type Run } from '../done-runs.ts';
import type { AdminDesk } from './clients.ts';

/** What lies in a topic-partition, and how far a group has come. */
export interface PartitionRange {
  topic: string;
  partition: number;
  /** Offset that the next record gets. */
  end: number;
  /** Where the group goes on: its commit, or the first record that is kept; or what came after it, where the cluster lost it. */
  start: number;
  /** What it has done beyond that: the commit's metadata, if they are ours. */
  done: readonly Run[];
}

/** How far the clocks of those that append and those that commit may be apart. */
const CLOCKS_APART_MS = 10 * 60_000;

interface Bounds {
  partition: number;
  first: number;
  end: number;
}

interface Committed {
  offset: number;
  /** What is said with it: done beyond it, and when it was committed. */
  runs: readonly Run[];
}

/** @param topics as they are named in the cluster, like `group` */
export async function fetchRanges(
  desk: AdminDesk,
  group: string,
  topics: readonly string[],
): Promise<PartitionRange[]> {
  // The ends after the commits: one that has overtaken them would be beyond the end.
  const commits = await desk.ask((admin) => admin.fetchOffsets({ groupId: group, topics: [...topics] }));
  const ofTopics = topics.map(async (topic) => {
    const found = commits.find((one) => one.topic === topic)?.partitions ?? [];
    const committed = new Map(
      found.map(({ partition, offset, metadata }): [number, Committed] => {
        const at = Number(offset);
        return [partition, { offset: at, runs: decodeRuns(metadata ?? '', at) }];
      }),
    );
    const bounds = await desk.ask((admin) => admin.fetchTopicOffsets(topic));
    return Promise.all(
      bounds.map(async ({ partition, low, high }) => {
        const range = { partition, first: Number(low), end: Number(high) };
        return { topic, partition, end: range.end, ...(await placeIn(desk, topic, range, committed)) };
      }),
    );
  });
  return (await Promise.all(ofTopics)).flat();
}

async function placeIn(
  desk: AdminDesk,
  topic: string,
  { partition, first, end }: Bounds,
  committed: ReadonlyMap<number, Committed>,
): Promise<Pick<PartitionRange, 'start' | 'done'>> {
  // -1 without a commit.
  const { offset, runs } = committed.get(partition) ?? { offset: -1, runs: [] };
  // What lies beyond the end was lost by the cluster: its offsets are given to other records.
  if (offset > end) return { start: await afterLoss(desk, topic, { partition, first, end }, runs), done: [] };
  const start = Math.max(offset, first);
  return { start, done: offset < 0 ? [] : within(runs, start, end) };
}

/**
 * A commit from beyond the end: a cluster that lost power has lost the last records of the partition, which were done; or
 * the topic was made anew. Either way nothing is done of what came since the commit, and all that is older is: without
 * looking for the time, all that is kept would be handed out once more.
 */
async function afterLoss(
  desk: AdminDesk,
  topic: string,
  { partition, first, end }: Bounds,
  runs: readonly Run[],
): Promise<number> {
  const committedAt = timeAmong(runs);
  // By a version that did not say when.
  if (committedAt === null) return first;
  const since = await desk.ask((admin) =>
    admin.fetchTopicOffsetsByTimestamp(topic, committedAt - CLOCKS_APART_MS),
  );
  const found = Number(since.find((one) => one.partition === partition)?.offset ?? first);
  return Math.min(Math.max(found, first), end);
}
