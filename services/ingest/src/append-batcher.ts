import type { LogRecord, MessageLog } from '@milena/log';
import { createMicroBatcher, type Metrics } from '@milena/runtime';

/** Roughly what headers and framing of a record take; it bounds the number of small records as well. */
const RECORD_OVERHEAD_BYTES = 512;
/** Below the 1 MiB that a Kafka broker takes in one piece by default. */
const MAX_BATCH_BYTES = 1_000_000;
/** About 40,000 events of 1 KB; what comes on top is refused rather than kept in memory. */
const DEFAULT_MAX_BACKLOG_BYTES = 64 * 1024 * 1024;

export interface AppendBatcher {
  /**
   * Resolves when the records are durable, all in one append.
   * @throws BacklogFullError, LogUnavailableError
   */
  append(records: readonly LogRecord[]): Promise<void>;
  /** Resolves when nothing waits and no append is under way. */
  idle(): Promise<void>;
}

export function weightOf(payloadBytes: number, records: number): number {
  return (payloadBytes + RECORD_OVERHEAD_BYTES) * records;
}

/** Lets requests that came in the same turn of the event loop share one append to the log. */
export function createAppendBatcher(deps: {
  log: Pick<MessageLog, 'append'>;
  metrics: Pick<Metrics, 'appendBatch'>;
  maxBacklogBytes?: number;
}): AppendBatcher {
  const batcher = createMicroBatcher<readonly LogRecord[], undefined>({
    run: async (groups) => {
      const records = groups.flat();
      deps.metrics.appendBatch.observe(records.length);
      await deps.log.append(records);
      return groups.map(() => undefined);
    },
    weigh: (records) => records.reduce((sum, record) => sum + weightOf(record.value.length, 1), 0),
    maxBatchWeight: MAX_BATCH_BYTES,
    maxBacklogWeight: deps.maxBacklogBytes ?? DEFAULT_MAX_BACKLOG_BYTES,
    // A log writes what came meanwhile in one piece anyway: whoever waited here for the last append would wait twice.
    overlapping: true,
  });
  return { append: (records) => batcher.submit(records), idle: () => batcher.idle() };
}
