import type { Clock, Logger } from '@milena/runtime';
import { createBudget } from '../budget.ts';
import { createDueWindow } from '../due-window.ts';
import { takeTurn, type Hand, type HeldRecord } from '../hand-out.ts';
import type { ConsumeOptions, LogConsumer } from '../message-log.ts';
import { createTurns } from '../turns.ts';
import type { Group, Member } from './group.ts';
import { createReader, type Reader } from './reader.ts';
import type { Storage } from './storage.ts';
import type { TopicPartition } from './topic-partition.ts';

/** Wait before a read that failed is tried again. */
const READ_RETRY_MS = 1_000;

export interface LmdbConsumer extends LogConsumer {
  /** These topic-partitions have new records. */
  wake(partitions: ReadonlySet<TopicPartition>): void;
}

interface ConsumerDeps {
  storage: Storage;
  clock: Clock;
  logger?: Logger | undefined;
  group: Group;
  options: ConsumeOptions;
  /** The topic-partitions with this number, one of each topic that it consumes. */
  partitionsOf(partition: number): readonly TopicPartition[];
  window: { maxRecords: number; maxBytes: number };
  /** Makes the marks durable. */
  flush(): Promise<void>;
  onStopped(consumer: LmdbConsumer): void;
}

/** Joins the group and hands out records until it is stopped. */
export function createConsumer(deps: ConsumerDeps): LmdbConsumer {
  const { group, options } = deps;
  const readers: Readers = new Map();
  let stopping: Promise<void> | null = null;

  const turns = createTurns<Reader>((reader) => takeTurn(reader, hand));
  const queue = (id: string): void => {
    const reader = readers.get(id);
    if (reader !== undefined) turns.queue(reader);
  };
  const hand = createHand(deps, queue, () => {
    turns.unblock();
  });
  const member = createMember(deps, hand, readers, queue);

  const consumer: LmdbConsumer = {
    wake: (partitions) => {
      for (const { id } of partitions) queue(id);
    },
    pause: () => {
      hand.paused = true;
    },
    stop: () => {
      hand.paused = true;
      stopping ??= (async () => {
        for (const reader of [...readers.values()]) drop(reader, readers, hand);
        hand.window.stop();
        group.leave(member);
        deps.onStopped(consumer);
        await deps.flush();
      })();
      return stopping;
    },
  };
  group.join(member, options.topics);
  return consumer;
}

/** Readers by the id of their topic-partition. */
type Readers = Map<string, Reader>;

function createHand(deps: ConsumerDeps, queue: (id: string) => void, onRoom: () => void): Hand<Reader> {
  const { clock, logger, group, options } = deps;
  return {
    clock,
    paused: false,
    budget: createBudget(options.maxUnackedRecords ?? Infinity, options.maxUnackedBytes ?? Infinity, onRoom),
    window: createDueWindow<HeldRecord>({
      clock,
      ...deps.window,
      onDue: (partitions) => {
        partitions.forEach(queue);
      },
    }),
    onRecord: (record) => {
      options.onRecord(record);
    },
    onDone: ({ partition, tracker }) => {
      group.progressed(partition, tracker.mark());
    },
    onReadFailed: ({ partition: { id } }, error) => {
      logger?.error({ event: 'log.read_failed', group: group.name, partition: id, err: error });
      clock.after(READ_RETRY_MS, () => {
        queue(id);
      });
    },
  };
}

function createMember(
  deps: ConsumerDeps,
  hand: Hand<Reader>,
  readers: Readers,
  queue: (id: string) => void,
): Member {
  const { group } = deps;
  return {
    gain: (partitions) => {
      for (const partition of partitions.flatMap((n) => deps.partitionsOf(n))) {
        const reader = createReader(deps.storage, partition, group.mark(partition), group.beyond(partition));
        group.follow(partition, reader.tracker);
        readers.set(partition.id, reader);
        queue(partition.id);
      }
    },
    lose: (partitions) => {
      for (const reader of [...readers.values()]) {
        if (partitions.includes(reader.partition.partition)) drop(reader, readers, hand);
      }
      deps.options.onRevoked?.(partitions);
    },
  };
}

function drop(reader: Reader, readers: Readers, { window, budget }: Hand<Reader>): void {
  reader.close();
  readers.delete(reader.partition.id);
  window.drop(reader.partition.id);
  budget.give(reader.unackedRecords, reader.unackedBytes);
}
