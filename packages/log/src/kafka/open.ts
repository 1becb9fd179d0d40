import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from '@milena/runtime';
import { LogUnavailableError, type LogRecord, type MessageLog } from '../message-log.ts';
import { partitionOf } from '../partitioner.ts';
import { sizeOf, type Outgoing } from './append-queue.ts';
import { createAdminDesk, createClients, reasonOf, type AdminDesk, type Clients } from './clients.ts';
import { createConsumer, type KafkaConsumer } from './consumer.ts';
import { createNames, type Names } from './names.ts';
import { fetchRanges } from './offsets.ts';
import { DEFAULT_LIMITS, type KafkaLogOptions } from './options.ts';
import { packHeaders } from './packed-headers.ts';
import { createSender, type Sender } from './sender.ts';
import { delayOf, formerRetryTopics, type TopicSpec } from '../topics.ts';
import { ensureTopics, existingTopics } from './topics.ts';

/** How long an opening waits for a cluster that is starting, too. */
const START_PATIENCE_MS = 30_000;
const START_RETRY_MS = 1_000;

/** A log and the handles on it that only tests need. */
export interface OpenedKafkaLog {
  log: MessageLog;
  desk: AdminDesk;
  names: Names;
  /** Ends the membership of every consumer without a goodbye, as a breakdown would. */
  interrupt(): void;
  /** Cuts every connection, as the death of the process would. */
  kill(): void;
}

export async function openKafkaLog(options: KafkaLogOptions): Promise<OpenedKafkaLog> {
  const clients = createClients(options);
  const desk = createAdminDesk(clients);
  const names = createNames(options.namePrefix);
  try {
    await prepare(options, desk, names);
  } catch (error) {
    clients.killAll();
    throw error;
  }
  const consumers = new Set<KafkaConsumer>();
  const log = assemble(options, { clients, desk, names, consumers });
  const interrupt = (): void => {
    for (const consumer of consumers) consumer.interrupt();
  };
  const kill = (): void => {
    clients.killAll();
    // Without connections nobody hears of it.
    void log.close();
  };
  return { log, desk, names, interrupt, kill };
}

async function prepare(options: KafkaLogOptions, desk: AdminDesk, names: Names): Promise<void> {
  const { topics, partitions, replicationFactor, brokers, logger } = options;
  const giveUpAt = performance.now() + START_PATIENCE_MS;
  for (;;) {
    try {
      await ensureTopics(desk, { topics, partitions, replicationFactor, names });
      return;
    } catch (error) {
      if (error instanceof OperatorError) throw error;
      const reason = reasonOf(error);
      if (performance.now() > giveUpAt) {
        throw new LogUnavailableError(`Kafka at ${brokers.join(', ')}: ${reason}`, { cause: error });
      }
      logger?.warn({ event: 'log.waiting_for_kafka', reason });
      await sleep(START_RETRY_MS);
    }
  }
}

interface Parts {
  clients: Clients;
  desk: AdminDesk;
  names: Names;
  consumers: Set<KafkaConsumer>;
}

function assemble(options: KafkaLogOptions, { clients, desk, names, consumers }: Parts): MessageLog {
  const { clock, logger, partitions } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { configured, known, ahead, retryTopics } = createTopicBook(options.topics, desk, names);
  const sender = createSender({ clients, limits, logger });
  let closing: Promise<void> | null = null;

  const check = (topic: string): string => {
    if (!known.has(topic)) throw new Error(`the log has no topic ${topic}`);
    return names.inCluster(topic);
  };
  const close = async (): Promise<void> => {
    await Promise.all([sender.close(), ...[...consumers].map((consumer) => consumer.stop())]);
    await desk.close();
    clients.killAll();
  };
  const refuseIfClosed = (): void => {
    if (closing !== null) throw new LogUnavailableError('the log is closed');
  };
  return {
    append: async (records) => {
      await sender.append(records.map((record) => toOutgoing(record, check(record.topic), partitions)));
    },
    consume: async (wanted) => {
      refuseIfClosed();
      wanted.topics.forEach(check);
      const consumer = createConsumer({
        ...{ clients, desk, names, limits, clock, logger, ahead },
        options: wanted,
        onStopped: (stopped) => {
          consumers.delete(stopped);
        },
      });
      consumers.add(consumer);
      await consumer.ready;
      return consumer;
    },
    lag: async (group, topics) => {
      refuseIfClosed();
      const ranges = await orUnavailable(fetchRanges(desk, names.inCluster(group), topics.map(check)));
      return topics.map((topic) => {
        const ofTopic = ranges.filter((range) => range.topic === names.inCluster(topic));
        const partitions = [...ofTopic]
          .sort((a, b) => a.partition - b.partition)
          .map(({ start, end }) => ({ mark: start, end }));
        return { topic, partitions, records: partitions.reduce((sum, { mark, end }) => sum + end - mark, 0) };
      });
    },
    retryTopics: async () => {
      refuseIfClosed();
      return retryTopics();
    },
    ping: async () => {
      refuseIfClosed();
      await ping(sender, desk, configured.map(check));
    },
    close: () => (closing ??= close()),
  };
}

/** The topics of the table, and those of former tables that were met. */
function createTopicBook(table: readonly TopicSpec[], desk: AdminDesk, names: Names) {
  const configured = table.map(({ name }) => name);
  const known = new Set(configured);
  const ahead = new Set(table.filter((topic) => topic.ahead).map(({ name }) => name));
  /** @throws LogUnavailableError */
  const retryTopics = async (): Promise<string[]> => {
    const found = await orUnavailable(existingTopics(desk, names));
    const former = formerRetryTopics(found, table).map(({ name }) => name);
    for (const name of former) {
      known.add(name);
      ahead.add(name);
    }
    return [...configured.filter((name) => delayOf(name) !== null), ...former];
  };
  return { configured, known, ahead, retryTopics };
}

/** @throws LogUnavailableError when requests fail at present, or a partition has nobody who takes its records */
async function ping(sender: Sender, desk: AdminDesk, topics: readonly string[]): Promise<void> {
  const trouble = sender.trouble();
  if (trouble !== null) throw new LogUnavailableError(trouble);
  const described = await orUnavailable(
    desk.ask((admin) => admin.fetchTopicMetadata({ topics: [...topics] })),
  );
  const orphan = described.topics.find(({ partitions }) => partitions.some(({ leader }) => leader < 0));
  if (orphan !== undefined) throw new LogUnavailableError(`a partition of ${orphan.name} has no leader`);
}

/** @throws LogUnavailableError when the request fails */
function orUnavailable<T>(request: Promise<T>): Promise<T> {
  return request.catch((error: unknown) => {
    throw new LogUnavailableError(reasonOf(error), { cause: error });
  });
}

function toOutgoing(record: LogRecord, topic: string, partitions: number): Outgoing {
  const { key, value, headers } = record;
  return {
    topic,
    // Copies: what is sent must not change with what the caller does to its own.
    message: {
      key,
      value: Buffer.from(value),
      headers: packHeaders(headers),
      partition: partitionOf(key, partitions),
    },
    bytes: sizeOf(record),
  };
}
