import { createLagReporter, type ConsumedRecord, type LogConsumer, type MessageLog } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import { createBatcher } from './batcher.ts';

/** A decoded record on its way into a store. */
export interface Entry<Row> {
  row: Row;
  /** An earlier owner of the partition may have stored it already. */
  maybeStored: boolean;
}

/** One topic and what becomes of its records. */
export interface StreamSpec<Row> {
  group: string;
  topic: string;
  /** False for records that are stored already and are passed over; all are wanted when absent. */
  wants?: (record: ConsumedRecord) => boolean;
  /** Throws for a record that can't be stored, whatever is tried. */
  decode: (record: ConsumedRecord) => Row;
  /**
   * Called once for each batch. What it returns resolves when all rows are stored, and is called again when it rejects:
   * then it makes the very same inserts, by which the store recognises those it has.
   */
  writer: (entries: readonly Entry<Row>[]) => () => Promise<void>;
}

interface StreamDeps {
  log: Pick<MessageLog, 'consume' | 'lag'>;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'recorderUndecodable' | 'consumerLag'>;
  lingerMs: number;
  maxRows: number;
  maxBytes: number;
}

interface Stream {
  start(): Promise<void>;
  /** Stores what is there within the deadline and leaves the group; the rest goes to the next owner. */
  stop(deadlineMs: number): Promise<void>;
  /** What is wrong, for people; empty when nothing is. */
  problems(): string[];
}

interface Pending<Row> {
  record: ConsumedRecord;
  row: Row;
}

/** Since when every try to store something has failed, ms since the epoch. */
interface Outage {
  since: number | null;
}

/** Batches that may be in hand: one being written, one gathering, and some slack between them. */
const BATCHES_IN_HAND = 3;

/** Carries records of a topic into a store in batches and acknowledges them once they are stored. */
export function createStream<Row>(deps: StreamDeps, spec: StreamSpec<Row>): Stream {
  const { topic } = spec;
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
          const row = decodeOrSkip(deps, spec, record);
          if (row !== null) batcher.add({ record, row: row.value }, record.value.length);
        },
        onRevoked: (partitions) => {
          batcher.drop(({ record }) => partitions.includes(record.partition));
        },
        maxUnackedRecords: deps.maxRows * BATCHES_IN_HAND,
        maxUnackedBytes: deps.maxBytes * BATCHES_IN_HAND,
      });
      lag.start();
    },
    stop: async (deadlineMs) => {
      lag.stop();
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

function createRecordBatcher<Row>(
  { clock, logger, ...bounds }: StreamDeps,
  spec: StreamSpec<Row>,
  outage: Outage,
) {
  return createBatcher<Pending<Row>>({
    clock,
    lingerMs: bounds.lingerMs,
    maxItems: bounds.maxRows,
    maxBytes: bounds.maxBytes,
    writer: (items) => {
      const write = spec.writer(
        items.map(({ row, record }) => ({ row, maybeStored: record.maybeRedelivered })),
      );
      return async () => {
        await write();
        outage.since = null;
        for (const { record } of items) record.ack();
      };
    },
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

/** Trying a malformed record again changes nothing, and holding it back would hold back all that follow: it is passed over. */
function decodeOrSkip<Row>(
  { logger, metrics }: StreamDeps,
  { topic, decode }: StreamSpec<Row>,
  record: ConsumedRecord,
): { value: Row } | null {
  try {
    return { value: decode(record) };
  } catch (error) {
    metrics.recorderUndecodable.inc({ topic });
    logger.error({
      event: 'recorder.record_skipped',
      topic,
      partition: record.partition,
      offset: String(record.offset),
      key: record.key,
      err: error,
    });
    record.ack();
    return null;
  }
}
