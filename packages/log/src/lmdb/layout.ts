import type { Logger } from '@milena/runtime';
import { decodeRuns, encodeRuns, type Run } from '../done-runs.ts';
import type { TopicSpec } from '../topics.ts';
import { offsetOf, recordKey } from './record-codec.ts';
import type { Storage } from './storage.ts';

/**
 * Keys: topic ids start at 1; what begins with id 0 is about the log itself: `layout` (version, partition count, topic
 * ids as JSON), one entry of commit marks per group and topic, and one of what is done beyond its mark per group and
 * topic-partition, if anything is.
 */
const META = Buffer.from([0, 0]);
const LAYOUT_KEY = Buffer.concat([META, Buffer.from('layout')]);
const MARKS_PREFIX = Buffer.concat([META, Buffer.from('marks\0')]);
const MARKS_END = Buffer.concat([META, Buffer.from('marks\x01')]);
const DONE_PREFIX = Buffer.concat([META, Buffer.from('done\0')]);
const DONE_END = Buffer.concat([META, Buffer.from('done\x01')]);
/** Written to find out whether the disk takes anything. */
export const PROBE_KEY = Buffer.concat([META, Buffer.from('probe')]);
const MARK_BYTES = 8;
/** 2: large records are in pieces. What 1 wrote is read as it is. */
const LAYOUT_VERSION = 2;
const OLDEST_READ = 1;

export interface Layout {
  version: number;
  partitions: number;
  /** Id by topic name; ids are never given out twice. */
  topicIds: Record<string, number>;
}

/** Next offset to consume, by group, topic and partition. */
export type Marks = Map<string, Map<string, number[]>>;

/** What is done beyond the mark as of now, by group and id of the topic-partition. */
export type Beyond = Map<string, Map<string, () => readonly Run[]>>;

/** End of a partition's key range: no offset is that large. */
const LAST_OFFSET = 2 ** 48 - 1;

function partitionRange(topicId: number, partition: number): { start: Buffer; end: Buffer } {
  return { start: recordKey(topicId, partition, 0), end: recordKey(topicId, partition, LAST_OFFSET) };
}

/**
 * Reads the layout of a directory, or makes it; adds topics that are new.
 * @throws Error when the directory was made with another partition count
 */
export async function openLayout(
  storage: Storage,
  options: { path: string; topics: readonly TopicSpec[]; partitions: number },
): Promise<Layout> {
  const { path, topics, partitions } = options;
  const stored = storage.get(LAYOUT_KEY);
  const layout: Layout =
    stored === undefined
      ? { version: LAYOUT_VERSION, partitions, topicIds: {} }
      : (JSON.parse(stored.toString('utf8')) as Layout);
  if (layout.version < OLDEST_READ || layout.version > LAYOUT_VERSION) {
    throw new Error(
      `The log in ${path} has layout ${layout.version}; this build reads ${OLDEST_READ} to ${LAYOUT_VERSION}.`,
    );
  }
  if (layout.partitions !== partitions) {
    throw new Error(
      `The log in ${path} was made with ${layout.partitions} partitions, but ${partitions} are configured. ` +
        `A key's partition follows from that number, so it can't change under existing records: start with ` +
        `${layout.partitions} partitions, or use an empty directory once the old log is drained.`,
    );
  }
  const missing = topics.filter((topic) => layout.topicIds[topic.name] === undefined);
  if (stored === undefined || missing.length > 0 || layout.version < LAYOUT_VERSION) {
    layout.version = LAYOUT_VERSION;
    let highest = Math.max(0, ...Object.values(layout.topicIds));
    for (const topic of missing) layout.topicIds[topic.name] = highest += 1;
    await storage.commit((batch) => {
      batch.put(LAYOUT_KEY, Buffer.from(JSON.stringify(layout)));
    });
  }
  return layout;
}

/** A topic that nobody knows keeps its records, and nobody consumes them: a later version has made it. */
export function warnOfOrphans(
  storage: Storage,
  layout: Layout,
  { topics, logger }: { topics: readonly TopicSpec[]; logger?: Logger | undefined },
): void {
  const known = new Set(topics.map((topic) => topic.name));
  for (const [topic, id] of Object.entries(layout.topicIds)) {
    if (known.has(topic)) continue;
    const records = storage.count(recordKey(id, 0, 0), recordKey(id + 1, 0, 0));
    if (records === 0) continue;
    logger?.warn(
      { event: 'log.topic_orphaned', topic, records },
      'a topic is no longer configured but still holds records; they stay until it is configured again',
    );
  }
}

/** Offset that the next record gets if no commit mark is higher. */
export function nextOffset(storage: Storage, topicId: number, partition: number): number {
  const { start, end } = partitionRange(topicId, partition);
  const last = storage.lastKey(start, end);
  return last === undefined ? 0 : offsetOf(last) + 1;
}

/** Offset of the oldest record, or undefined when the partition is empty. */
export function firstOffset(storage: Storage, topicId: number, partition: number): number | undefined {
  const { start, end } = partitionRange(topicId, partition);
  for (const { key } of storage.range(start, end, 1)) return offsetOf(key);
  return undefined;
}

export function marksEntry(
  group: string,
  topic: string,
  marks: readonly number[],
): { key: Buffer; value: Buffer } {
  const value = Buffer.allocUnsafe(marks.length * MARK_BYTES);
  marks.forEach((mark, partition) => value.writeDoubleBE(mark, partition * MARK_BYTES));
  return { key: Buffer.concat([MARKS_PREFIX, Buffer.from(`${group}\0${topic}`)]), value };
}

export function readMarks(storage: Storage): Marks {
  const marks: Marks = new Map();
  for (const { key, value } of storage.range(MARKS_PREFIX, MARKS_END, Number.MAX_SAFE_INTEGER)) {
    const [group = '', topic = ''] = key.subarray(MARKS_PREFIX.length).toString('utf8').split('\0');
    ofGroup(marks, group).set(
      topic,
      Array.from({ length: value.length / MARK_BYTES }, (_, partition) =>
        value.readDoubleBE(partition * MARK_BYTES),
      ),
    );
  }
  return marks;
}

/** A group's part, made when it is missing. */
export function ofGroup<T>(groups: Map<string, Map<string, T>>, group: string): Map<string, T> {
  const known = groups.get(group) ?? new Map<string, T>();
  groups.set(group, known);
  return known;
}

/** Null: nothing to store. The offsets are as they are, not from the mark: what is done stays done. */
export function beyondEntry(
  group: string,
  id: string,
  runs: readonly Run[],
): { key: Buffer; value: Buffer | null } {
  const key = Buffer.concat([DONE_PREFIX, Buffer.from(`${group}\0${id}`)]);
  return { key, value: runs.length === 0 ? null : Buffer.from(encodeRuns(runs, 0)) };
}

export function readBeyond(storage: Storage): Beyond {
  const beyond: Beyond = new Map();
  for (const { key, value } of storage.range(DONE_PREFIX, DONE_END, Number.MAX_SAFE_INTEGER)) {
    const [group = '', id = ''] = key.subarray(DONE_PREFIX.length).toString('utf8').split('\0');
    const runs = decodeRuns(value.toString('utf8'), 0);
    ofGroup(beyond, group).set(id, () => runs);
  }
  return beyond;
}
