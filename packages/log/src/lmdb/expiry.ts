import type { CancelTimer, Clock, Logger } from '@milena/runtime';
import { appendedAtOf, offsetOf, recordKey } from './record-codec.ts';
import type { Storage } from './storage.ts';
import type { TopicPartition } from './topic-partition.ts';
import type { Topics } from './topics.ts';

const INTERVAL_MS = 60_000;
/** With more left to do, the next look comes soon. */
const SOON_MS = 1_000;
/** Records looked at per partition at a time. */
const CHUNK = 1_000;

/** Finds records that are older than their topic keeps them, whoever has not consumed them. @returns stops it */
export function startExpiry(options: {
  storage: Storage;
  clock: Clock;
  logger?: Logger | undefined;
  topics: Topics;
  expired(partition: TopicPartition, below: number): void;
}): CancelTimer {
  const { storage, clock, logger, topics } = options;
  const look = (): void => {
    let more = false;
    for (const partition of topics.partitions) {
      const oldest = clock.now() - (topics.spec(partition.topic)?.retentionMs ?? Infinity);
      const { below, records } = olderThan(storage, partition, oldest);
      if (records === 0) continue;
      more ||= records === CHUNK;
      options.expired(partition, below);
      logger?.warn({ event: 'log.records_expired', partition: partition.id, records }, 'never consumed');
    }
    timer = clock.after(more ? SOON_MS : INTERVAL_MS, look);
  };
  let timer = clock.after(INTERVAL_MS, look);
  return () => {
    timer();
  };
}

function olderThan(
  storage: Storage,
  { topicId, partition, first, next }: TopicPartition,
  oldest: number,
): { below: number; records: number } {
  let below = first;
  let records = 0;
  if (first === next) return { below, records };
  const start = recordKey(topicId, partition, first);
  for (const { key, value } of storage.range(start, recordKey(topicId, partition, next), CHUNK)) {
    if (appendedAtOf(value) >= oldest) break;
    below = offsetOf(key) + 1;
    records += 1;
  }
  return { below, records };
}
