import { OperatorError } from '@milena/runtime';
import type { Admin, ITopicConfig } from 'kafkajs';
import { formerRetryTopics, type TopicSpec } from '../topics.ts';
import { reasonOf, type AdminDesk } from './clients.ts';
import type { Names } from './names.ts';

/** The largest payload that can be configured (16 MiB), with room for headers. */
const MAX_MESSAGE_BYTES = 20 * 1024 * 1024;
/** From this replication factor on a record must be on two brokers before it is acked. */
const REPLICAS_FOR_ISR_2 = 3;

interface TopicsWanted {
  topics: readonly TopicSpec[];
  partitions: number;
  replicationFactor: number;
  names: Names;
}

/** As the log's users know them: those of this installation. */
export async function existingTopics(desk: AdminDesk, names: Names): Promise<string[]> {
  const all = await desk.ask((admin) => admin.listTopics());
  return all.filter((name) => names.isOurs(name)).map((name) => names.known(name));
}

/**
 * Makes the topics that are missing; those that exist are left as they are. What is in the retry topics of a former time
 * is still to be delivered, so these count as well.
 *
 * @throws OperatorError when a topic has another partition count, or can't be made as asked
 */
export async function ensureTopics(desk: AdminDesk, wanted: TopicsWanted): Promise<void> {
  const existing = new Set(await existingTopics(desk, wanted.names));
  const missing = wanted.topics.filter(({ name }) => !existing.has(name));
  const all = [...wanted.topics, ...formerRetryTopics(existing, wanted.topics)];
  const names = all.map(({ name }) => wanted.names.inCluster(name));
  if (missing.length > 0) await createTopics(desk, wanted, missing);
  // Also those that were missing: another process may have made them in the meantime, from other settings.
  const { topics } = await desk.ask((admin) => described(admin, names));
  const wrong = topics.filter(({ partitions }) => partitions.length !== wanted.partitions);
  if (wrong.length === 0) return;
  const list = wrong.map(({ name, partitions }) => `  - ${name} has ${partitions.length}`).join('\n');
  throw new OperatorError(
    `KAFKA_PARTITIONS is ${wanted.partitions}, but these Kafka topics have another number of partitions:\n${list}\n` +
      'All topics need the same number, and it decides which partition a subscription is in: it can be changed only ' +
      'while nothing is in motion. Set KAFKA_PARTITIONS to what the topics have; or let everything be delivered, stop ' +
      'all services and delete the topics.',
  );
}

async function createTopics(
  desk: AdminDesk,
  wanted: TopicsWanted,
  missing: readonly TopicSpec[],
): Promise<void> {
  const { partitions, replicationFactor } = wanted;
  const topics = missing.map(({ name, retentionMs }): ITopicConfig => ({
    topic: wanted.names.inCluster(name),
    numPartitions: partitions,
    replicationFactor,
    configEntries: [
      { name: 'cleanup.policy', value: 'delete' },
      { name: 'retention.ms', value: String(retentionMs) },
      { name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) },
      ...(replicationFactor >= REPLICAS_FOR_ISR_2 ? [{ name: 'min.insync.replicas', value: '2' }] : []),
    ],
  }));
  try {
    // False: another process made them first.
    await desk.ask((admin) => admin.createTopics({ topics, waitForLeaders: true }));
  } catch (error) {
    const types = errorTypes(error);
    if (types.every((type) => type === 'TOPIC_ALREADY_EXISTS')) return;
    if (!types.some((type) => OPERATORS.has(type))) throw error;
    throw new OperatorError(
      `Kafka refuses to make the topics with ${partitions} partitions and ${replicationFactor} replicas ` +
        `(KAFKA_PARTITIONS, KAFKA_REPLICATION_FACTOR): ${types.join(', ')}. More replicas than brokers, or a client ` +
        'without the right to make topics, are the usual reasons.',
    );
  }
}

/** Trying again changes nothing about these. */
const OPERATORS = new Set([
  'INVALID_REPLICATION_FACTOR',
  'INVALID_PARTITIONS',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
]);

function errorTypes(error: unknown): string[] {
  const several = (error as { errors?: unknown }).errors;
  const all: unknown[] = Array.isArray(several) ? several : [error];
  return all.map((one) => {
    const { type } = one as { type?: unknown };
    return typeof type === 'string' ? type : reasonOf(one);
  });
}

function described(admin: Admin, topics: string[]): ReturnType<Admin['fetchTopicMetadata']> {
  return admin.fetchTopicMetadata({ topics });
}
