import type { ConnectionOptions } from 'node:tls';
import type { Clock, Logger } from '@milena/runtime';
import type { TopicSpec } from '../topics.ts';

/** Bounds in memory and pace. Times are real time, not the clock's: pacing a network is no event that a test plays. */
export interface KafkaLogLimits {
  /** Bytes of appends not acked yet, beyond which `append` rejects. */
  pendingAppendBytes: number;
  /** An append that could not be acked within this time rejects. */
  appendTimeoutMs: number;
  /**
   * Least time between the starts of two produce requests, unless a full one is waiting: what an append waits at most
   * before its request begins. A request costs the broker about as much as 20 records in a batch.
   */
  sendSpacingMs: number;
  /** Records read before their due time, per consumer and topic-partition. */
  heldRecordsPerPartition: number;
  heldBytesPerPartition: number;
  /** Bytes of one fetch per topic-partition. A topic-partition with more than that read ahead is not fetched. */
  fetchBytesPerPartition: number;
  /** Bytes read ahead per consumer, beyond which only topic-partitions with nothing read ahead are fetched. */
  readAheadBytes: number;
  /**
   * Least time between the starts of two fetches while they bring something: what a record waits at most because others
   * came just before it. A fetch costs as much as 50 records in it.
   */
  fetchSpacingMs: number;
  /** Longest wait of a fetch; also how long a fetch loop sleeps when all it has is paused. */
  fetchWaitMs: number;
  /** Pace of commits: after a crash this much of acks is repeated. */
  commitIntervalMs: number;
  /** A member silent for this long loses its partitions. Brokers refuse less than 6 s unless they are told otherwise. */
  sessionTimeoutMs: number;
  /** A member learns of others that come and go within this time. */
  heartbeatIntervalMs: number;
}

export const DEFAULT_LIMITS: KafkaLogLimits = {
  pendingAppendBytes: 64 * 1024 * 1024,
  appendTimeoutMs: 4_000,
  sendSpacingMs: 4,
  heldRecordsPerPartition: 2_000,
  heldBytesPerPartition: 2 * 1024 * 1024,
  fetchBytesPerPartition: 256 * 1024,
  readAheadBytes: 32 * 1024 * 1024,
  fetchSpacingMs: 10,
  fetchWaitMs: 250,
  commitIntervalMs: 200,
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 400,
};

export interface KafkaSasl {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  username: string;
  password: string;
}

export interface KafkaLogOptions {
  /** `host:port` of some of the cluster's brokers; the others are learnt from them. */
  brokers: readonly string[];
  /** Names this process in the brokers' logs and quotas. */
  clientId?: string;
  /** TLS: true for the system's certificate authorities, or Node's options for other ones. */
  ssl?: boolean | ConnectionOptions;
  sasl?: KafkaSasl;
  topics: readonly TopicSpec[];
  /** The same for every topic; an existing topic with another count is an error at start. */
  partitions: number;
  /** For topics that are missing and made at start; with 3 or more, two replicas must have a record before it is acked. */
  replicationFactor: number;
  /** Put before the name of every topic and group in the cluster, so that several installations can share it. */
  namePrefix?: string;
  /** Judges due times. */
  clock: Clock;
  logger?: Logger;
  limits?: Partial<KafkaLogLimits>;
}
