import type { Clock } from '@milena/runtime';
import type {
  ConsumedRecord,
  ConsumeOptions,
  LogConsumer,
  LogRecord,
  MessageLog,
} from '../../src/message-log.ts';
import { partitionOf } from '../../src/partitioner.ts';
import type { TopicSpec } from '../../src/topics.ts';

export interface OpenOptions {
  topics: readonly TopicSpec[];
  partitions: number;
  /** Bound of the window of records held back by a due time, per topic-partition. */
  heldRecordsPerPartition?: number;
}

/** A log under test, and what may happen to it. */
export interface OpenedLog {
  log: MessageLog;
  /** The log's own clock. */
  clock: Clock;
  /** Lets this much of the log's time pass: drives a test clock, or waits. */
  pass: (ms: number) => Promise<void>;
  /** Closes it and opens it again on the same data, with another table perhaps. */
  restart(changes?: Partial<OpenOptions>): Promise<OpenedLog>;
  /** What is found after everything of it died at this moment, without a goodbye. The old one is not used any more. */
  crash(): Promise<OpenedLog>;
  /** Closes it and removes its data. */
  dispose(): Promise<void>;
}

/** What an adapter brings to be tested. */
export interface Hooks {
  open(options: OpenOptions): Promise<OpenedLog>;
  /**
   * Has a process of its own append records 0, 1, 2 … (key `key-<n % 50>`, value the number, topic `deliveries`) from
   * several callers at once, and kills what has to survive with SIGKILL after `acks` appends were acked, in the middle
   * of the next ones.
   * @returns the numbers that were acked, and the log as it is found then
   */
  appendUntilKilled(options: OpenOptions, acks: number): Promise<{ acked: number[]; found: OpenedLog }>;
}

export const TOPIC = 'deliveries';
export const OTHER_TOPIC = 'deliveries.retry.10s';
export const PARTITIONS = 4;
export const OPTIONS: OpenOptions = {
  topics: [TOPIC, OTHER_TOPIC].map((name) => ({ name, retentionMs: 3_600_000, groups: ['g'] })),
  partitions: PARTITIONS,
};

/** Opens logs for a suite and disposes of them after each test. */
export function opener(hooks: Hooks): (options?: Partial<OpenOptions>) => Promise<OpenedLog> {
  const opened: OpenedLog[] = [];
  const follow = (log: OpenedLog): OpenedLog => {
    const followed: OpenedLog = {
      ...log,
      restart: async (changes) => follow(await log.restart(changes)),
      crash: async () => follow(await log.crash()),
    };
    opened.push(followed);
    return followed;
  };
  afterEach(async () => {
    for (const log of opened.splice(0).reverse()) await log.dispose();
  });
  return async (options = {}) => follow(await hooks.open({ ...OPTIONS, ...options }));
}

/** Waits until the condition holds, on real time; it is looked at after every turn of the event loop. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const keys = new Map<number, string>();

/** A key that lands in this partition of `PARTITIONS`. */
export function keyOf(partition: number): string {
  for (let n = 0; !keys.has(partition); n += 1) {
    const key = `key-${n}`;
    if (partitionOf(key, PARTITIONS) === partition) keys.set(partition, key);
  }
  return keys.get(partition)!;
}

export function record(partition: number, value: string | Buffer, extra: Partial<LogRecord> = {}): LogRecord {
  return { topic: TOPIC, key: keyOf(partition), value: Buffer.from(value), headers: {}, ...extra };
}

/** One after the other: `count` records `0`, `1` … for one partition. */
export function records(partition: number, count: number, extra: Partial<LogRecord> = {}): LogRecord[] {
  return Array.from({ length: count }, (_, n) => record(partition, String(n), extra));
}

export interface Collected {
  consumer: LogConsumer;
  got: ConsumedRecord[];
  values: () => string[];
  /** Waits for that many records in all. */
  count: (records: number) => Promise<void>;
  ackAll: () => void;
  revoked: number[];
}

/** A consumer that keeps what it gets, and acks it at once with `ack: true`. */
export async function collect(
  log: MessageLog,
  options: Partial<ConsumeOptions> & { ack?: boolean } = {},
): Promise<Collected> {
  const got: ConsumedRecord[] = [];
  const revoked: number[] = [];
  const { ack = false, ...rest } = options;
  const consumer = await log.consume({
    group: 'g',
    topics: [TOPIC],
    onRecord: (consumed) => {
      got.push(consumed);
      if (ack) consumed.ack();
    },
    onRevoked: (partitions) => {
      revoked.push(...partitions);
    },
    ...rest,
  });
  return {
    consumer,
    got,
    revoked,
    values: () => got.map(({ value }) => value.toString()),
    count: (wanted) => until(`${wanted} records came`, () => got.length >= wanted),
    ackAll: () => {
      for (const consumed of got) consumed.ack();
    },
  };
}

/**
 * Resolves when whatever was appended has been on its way to every consumer: a group of its own has seen all of it, and
 * the other consumers have had more turns since.
 */
export async function everyoneHadTheirChance(log: MessageLog, inLog: number): Promise<void> {
  const witness = await collect(log, { group: `witness-${Math.random()}`, ack: true });
  await witness.count(inLog);
  await witness.consumer.stop();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
