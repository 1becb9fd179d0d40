import { randomUUID } from 'node:crypto';
import { createTestClock, type TestClock } from '@milena/runtime';
import { openKafkaLog, type OpenedKafkaLog } from '../src/kafka/open.ts';
import type { KafkaLogOptions } from '../src/kafka/options.ts';
import { runUntilKilled } from './child.ts';
import type { Hooks, OpenedLog, OpenOptions } from './conformance.ts';

export const BROKERS = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:19092').split(',');

/** Quick to notice who comes and goes; a session can't be shorter than brokers allow by default. */
export const QUICK = {
  heartbeatIntervalMs: 50,
  fetchWaitMs: 50,
  commitIntervalMs: 50,
  sessionTimeoutMs: 6_000,
};

/** A fetch that was paused is under way again, and answered, within this time. */
const FETCHED_MS = 120;

/** Names of topics and groups that nobody else has: the cluster is shared. */
export function newPrefix(): string {
  return `test-${randomUUID().slice(0, 8)}.`;
}

export function kafkaOptions(options: OpenOptions, namePrefix: string): Omit<KafkaLogOptions, 'clock'> {
  const { topics, partitions, heldRecordsPerPartition } = options;
  const held = heldRecordsPerPartition === undefined ? {} : { heldRecordsPerPartition };
  return {
    ...{ brokers: BROKERS, topics, partitions, replicationFactor: 1, namePrefix },
    limits: { ...QUICK, ...held },
  };
}

export async function removeTopics({ desk, names }: OpenedKafkaLog, { topics }: OpenOptions): Promise<void> {
  await desk.ask((admin) => admin.deleteTopics({ topics: topics.map(({ name }) => names.inCluster(name)) }));
}

async function openKafka(
  options: OpenOptions,
  prefix: string,
  clock: TestClock = createTestClock(),
): Promise<OpenedLog> {
  const opened = await openKafkaLog({ ...kafkaOptions(options, prefix), clock });
  const { log } = opened;
  let gone = false;
  return {
    log,
    clock,
    pass: async (ms) => {
      clock.advance(ms);
      await new Promise((resolve) => setTimeout(resolve, FETCHED_MS));
    },
    restart: async (changes) => {
      gone = true;
      await log.close();
      return openKafka({ ...options, ...changes }, prefix, clock);
    },
    crash: () => {
      gone = true;
      opened.kill();
      return openKafka(options, prefix, clock);
    },
    dispose: async () => {
      if (!gone) await removeTopics(opened, options).catch(() => undefined);
      await log.close();
    },
  };
}

export const kafkaHooks: Hooks = {
  open: (options) => openKafka(options, newPrefix()),
  appendUntilKilled: async (options, acks) => {
    const prefix = newPrefix();
    const args = [BROKERS.join(','), prefix, String(options.partitions)];
    const acked = await runUntilKilled('append-until-killed-kafka.ts', args, acks);
    return { acked, found: await openKafka(options, prefix) };
  },
};
