import { createLagReporter, type ConsumedRecord, type LogConsumer, type MessageLog } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { Batch } from './batch-queue.ts';
import { createBatcher } from './batcher.ts';
import type { TableBatch } from './tables.ts';

/** One topic and what becomes of its records. */
export interface StreamSpec<Row> {
  group: string;
  topic: string;
  /** False for records that are stored already and are passed over; all are wanted when absent. */
  wants?: (record: ConsumedRecord) => boolean;
  /** Throws for a record that can't be stored, whatever is tried; tells of a part of it that can't, and leaves that out. */
  decode: (record: ConsumedRecord, leaveOut: (error: unknown) => void) => readonly Row[];
  /** Begins a batch; stored again when that fails. */
  begin: () => TableBatch<Row>;
}

interface StreamDeps {
  log: Pick<MessageLog, 'consume' | 'lag'>;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'recorderUndecodable' | 'consumerLag'>;
  lingerMs: number;
  spacingMs: number;
  maxRecords: number;
  maxBytes: number;
}

interface Stream {
  start(): Promise<void>;
  /** Stores what is there within the deadline and leaves the group; the rest goes to the next owner. */
  stop(deadlineMs: number): Promise<void>;
  /** What is wrong, for people; empty when nothing is. */
  problems(): string[];
}

/** Since when every try to store something has failed, ms since the epoch. */
interface Outage {
  since: number | null;
}

/** Well below the linger of a batch: it is the store that wants few large writes, and the log few large reads. */
const GATHER_MS = 250;
/** Batches that may be in hand: one being written, one gathering, and some slack between them. */
const BATCHES_IN_HAND = 3;

/** Carries records of a topic into a store in batches and acknowledges them once they are stored. */
export function createStream<Row>(deps: StreamDeps, spec: StreamSpec<Row>): Stream {
  const { topic } = spec;
  // There from the start: of a counter that appears with its first value Prometheus sees no increase.
  deps.metrics.recorderUndecodable.inc({ topic }, 0);
  const outage: Outage = { since: null };
  const batcher = createRecordBatcher(deps, spec, outage);
  const lag = createLagReporter({ ...deps, group: spec.group, topics: [topic] });
  let consumer: LogConsumer | null = null;
  return {
    start: async () => {
      consumer = await deps.log.consume({
        group: spec.group,
        topics: [topic],
        onRecord: (record) => {
          if (spec.wants?.(record) === false) {
            record.ack();
            return;
          }
          batcher.add(record, record.value.length);
        },
        onRevoked: (partitions) => {
          batcher.drop(partitions);
        },
        maxUnackedRecords: deps.maxRecords * BATCHES_IN_HAND,
        maxUnackedBytes: deps.maxBytes * BATCHES_IN_HAND,
        gatherMs: GATHER_MS,
      });
      void lag.start();
    },
    stop: async (deadlineMs) => {
      void lag.stop();
      consumer?.pause();
      await batcher.drain(deadlineMs);
      await consumer?.stop();
    },
    problems: () =>
      outage.since === null
        ? []
        : [`records of ${topic} could not be stored since ${new Date(outage.since).toISOString()}`],
  };
}

function createRecordBatcher<Row>(deps: StreamDeps, spec: StreamSpec<Row>, outage: Outage) {
  const { clock, logger } = deps;
  return createBatcher<ConsumedRecord>({
    clock,
    lingerMs: deps.lingerMs,
    spacingMs: deps.spacingMs,
    maxItems: deps.maxRecords,
    maxBytes: deps.maxBytes,
    begin: () => beginRecords(deps, spec, outage),
    onFailure: (error, records, tries, retryInMs) => {
      outage.since ??= clock.now();
      logger.error({
        event: 'recorder.write_failed',
        topic: spec.topic,
        records,
        tries,
        retry_in_ms: retryInMs,
        err: error,
      });
    },
  });
}

/**
 * A record becomes rows, and these bytes, as soon as it comes: those of half a second would keep the event loop for 10 ms,
 * and thousands of records kept for as long as a batch gathers make collections long. Only their acks are kept.
 */
function beginRecords<Row>(deps: StreamDeps, spec: StreamSpec<Row>, outage: Outage): Batch<ConsumedRecord> {
  const table = spec.begin();
  let acks: ConsumedRecord['ack'][] = [];
  /** The partition of each of them. */
  let origins: number[] = [];
  return {
    add: (record) => {
      const { partition, ack, maybeRedelivered } = record;
      const rows = decodeOrSkip(deps, spec, record);
      for (const row of rows) table.add(row, partition, maybeRedelivered);
      acks.push(ack);
      origins.push(partition);
      return rows.length;
    },
    drop: (partitions) => {
      table.drop(partitions);
      const stays = (partition: number): boolean => !partitions.includes(partition);
      acks = acks.filter((_, at) => stays(origins[at] ?? -1));
      origins = origins.filter(stays);
    },
    write: async () => {
      await table.store();
      outage.since = null;
      for (const ack of acks) ack();
    },
  };
}

/** Trying what is malformed again changes nothing, and holding it back would hold back all that follow: it is passed over. */
function decodeOrSkip<Row>(
  { logger, metrics }: StreamDeps,
  { topic, decode }: StreamSpec<Row>,
  record: ConsumedRecord,
): readonly Row[] {
  const leaveOut = (error: unknown): void => {
    metrics.recorderUndecodable.inc({ topic });
    logger.error({
      event: 'recorder.record_skipped',
      topic,
      partition: record.partition,
      offset: String(record.offset),
      key: record.key,
      err: error,
    });
  };
  try {
    return decode(record, leaveOut);
  } catch (error) {
    leaveOut(error);
    return [];
  }
}
