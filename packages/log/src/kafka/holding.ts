import type { Clock } from '@milena/runtime';
import type { KafkaMessage } from 'kafkajs';
import { createBudget } from '../budget.ts';
import type { Run } from '../done-runs.ts';
import { createDueWindow } from '../due-window.ts';
import { takeTurn, type Hand, type HeldRecord } from '../hand-out.ts';
import type { ConsumeOptions } from '../message-log.ts';
import { createTurns } from '../turns.ts';
import type { KafkaLogLimits } from './options.ts';
import { createReader, type Reader, type TopicPartition } from './reader.ts';

interface HoldingDeps {
  clock: Clock;
  limits: KafkaLogLimits;
  options: ConsumeOptions;
  /** More of this reader's records is done. */
  onDone: (reader: Reader) => void;
  /** `reader.paused` has changed. */
  onPaused: (reader: Reader) => void;
}

/** What a consumer has of its topic-partitions. It outlives sessions: what is in flight stays so over a reconnect. */
export interface Holding {
  readers(): IterableIterator<Reader>;
  of(id: string): Reader | undefined;
  gain(partition: TopicPartition, range: { start: number; end: number; done: readonly Run[] }): void;
  /** Forgets all topic-partitions with these numbers and tells the consumer's user. */
  lose(numbers: ReadonlySet<number>): void;
  /** Offset after the last record that was read ahead, by the id of the topic-partition. */
  positions(): Map<string, number>;
  /** The partition numbers that are held. */
  numbers(): number[];
  feed(id: string, messages: readonly KafkaMessage[]): void;
  /** Records that are handed out and not acked. */
  underWay(): number;
  /** Hands out nothing more. */
  pause(): void;
  /** Hands out nothing for now, or goes on; the consumer's user is told. */
  suspend(suspended: boolean): void;
  /** Forgets everything; acks no longer count. */
  stop(): void;
}

export function createHolding(deps: HoldingDeps): Holding {
  const { limits, options } = deps;
  const readers = new Map<string, Reader>();
  const turns = createTurns<Reader>((reader) => takeTurn(reader, hand));
  const hand = createHand(deps, {
    onDue: (ids) => {
      for (const id of ids) queue(id);
    },
    onRoom: () => {
      turns.unblock();
    },
  });
  const flow = createFlow(limits, deps.onPaused);
  const queue = (id: string): void => {
    const reader = readers.get(id);
    if (reader !== undefined) turns.queue(reader);
  };
  const drop = (reader: Reader): void => {
    const { id } = reader.partition;
    reader.active = false;
    readers.delete(id);
    hand.window.drop(id);
    flow.dropped(reader);
    hand.budget.give(reader.unackedRecords, reader.unackedBytes);
  };

  return {
    readers: () => readers.values(),
    of: (id) => readers.get(id),
    gain: (partition, range) => {
      const reader = createReader({
        ...range,
        partition,
        onAhead: (bytes) => {
          flow.ahead(reader, bytes);
        },
      });
      readers.set(partition.id, reader);
    },
    lose: (numbers) => {
      const lost = [...readers.values()].filter(({ partition }) => numbers.has(partition.partition));
      lost.forEach(drop);
      if (lost.length > 0) options.onRevoked?.([...numbers]);
    },
    positions: () => new Map([...readers].map(([id, reader]) => [id, reader.position()])),
    numbers: () => [...new Set([...readers.values()].map(({ partition }) => partition.partition))],
    underWay: () => [...readers.values()].reduce((sum, { unackedRecords }) => sum + unackedRecords, 0),
    feed: (id, messages) => {
      readers.get(id)?.feed(messages);
      queue(id);
    },
    ...pausing(hand, options, () => {
      for (const reader of readers.values()) turns.queue(reader);
    }),
    stop: () => {
      hand.paused = true;
      [...readers.values()].forEach(drop);
      hand.window.stop();
    },
  };
}

/** @param onGo records may be handed out again */
function pausing(
  hand: Hand<Reader>,
  options: Pick<ConsumeOptions, 'onSuspended'>,
  onGo: () => void,
): Pick<Holding, 'pause' | 'suspend'> {
  let forGood = false;
  let forNow = false;
  return {
    pause: () => {
      forGood = true;
      hand.paused = true;
    },
    suspend: (suspended) => {
      const changed = suspended !== forNow;
      forNow = suspended;
      hand.paused = forGood || suspended;
      if (changed) options.onSuspended?.(suspended);
      if (!hand.paused) onGo();
    },
  };
}

function createHand(
  { clock, limits, options, onDone }: HoldingDeps,
  on: { onDue(ids: readonly string[]): void; onRoom(): void },
): Hand<Reader> {
  return {
    clock,
    paused: false,
    budget: createBudget(options.maxUnackedRecords ?? Infinity, options.maxUnackedBytes ?? Infinity, () => {
      on.onRoom();
    }),
    window: createDueWindow<HeldRecord>({
      clock,
      maxRecords: limits.heldRecordsPerPartition,
      maxBytes: limits.heldBytesPerPartition,
      onDue: (ids) => {
        on.onDue(ids);
      },
    }),
    onRecord: (record) => {
      options.onRecord(record);
    },
    onDone,
    // It reads from memory only.
    onReadFailed: () => undefined,
  };
}

/**
 * Which topic-partitions are fetched. The marks are above one fetch, so that the next is under way while one is handed
 * out: a fetch loop with nothing to fetch sleeps for its longest wait.
 */
function createFlow(
  limits: KafkaLogLimits,
  onPaused: (reader: Reader) => void,
): {
  /** So much more is read ahead now (or less). */
  ahead(reader: Reader, bytes: number): void;
  dropped(reader: Reader): void;
} {
  const enough = limits.fetchBytesPerPartition;
  let all = 0;
  const set = (reader: Reader, paused: boolean): void => {
    reader.paused = paused;
    onPaused(reader);
  };
  return {
    ahead: (reader, bytes) => {
      all += bytes;
      const ahead = reader.aheadBytes();
      const crowded = all > limits.readAheadBytes;
      if (!reader.paused) {
        if (bytes > 0 && (ahead > enough || crowded)) set(reader, true);
      } else if (ahead === 0 || (ahead < enough / 2 && !crowded)) set(reader, false);
    },
    dropped: (reader) => {
      all -= reader.aheadBytes();
      if (reader.paused) set(reader, false);
    },
  };
}
