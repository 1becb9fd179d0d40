import {
  DUE_AT_HEADER,
  MAY_REPEAT_HEADER,
  LogUnavailableError,
  type ConsumedRecord,
  type ConsumeOptions,
  type LogRecord,
  type MessageLog,
} from '@milena/log';
import type { Clock } from '@milena/runtime';

interface Stored extends LogRecord {
  offset: bigint;
  partition: number;
  acked: boolean;
  /** Some consumer had it before. */
  handedOut: boolean;
}

export interface MemoryLog extends MessageLog {
  /** Everything appended, in order. */
  readonly records: readonly Stored[];
  /** Asked before every append: true = the log is away; or throws what the append is to reject with. */
  away: (records: readonly LogRecord[]) => boolean;
  /** While this is pending, appends neither succeed nor fail. */
  stalled: Promise<void> | null;
  /** The partitions are about to be shared out anew, or have been. */
  suspend(suspended: boolean): void;
  /** Takes every partition away from the consumer; what it did not ack goes to the next one. */
  revoke(): void;
  unacked(): number;
  appendCalls: number;
}

const PARTITIONS = 4;

function partitionOf(key: string): number {
  return Buffer.from(key).reduce((sum, byte) => sum + byte, 0) % PARTITIONS;
}

/** A log in memory that holds records back until they are due, and hands unacked ones to the next consumer. */
export function createMemoryLog(clock: Clock, retryTopics: readonly string[]): MemoryLog {
  const records: Stored[] = [];
  let consumer: { options: ConsumeOptions; active: boolean; paused: boolean } | null = null;

  function handOut(stored: Stored): void {
    const owner = consumer;
    if (!owner?.options.topics.includes(stored.topic) || stored.acked) return;
    const due = Number(stored.headers[DUE_AT_HEADER] ?? 0);
    const give = () => {
      if (!owner.active || owner.paused) return;
      const record: ConsumedRecord = {
        ...stored,
        maybeRedelivered: stored.handedOut || MAY_REPEAT_HEADER in stored.headers,
        ack: () => {
          if (owner.active) stored.acked = true;
        },
      };
      stored.handedOut = true;
      owner.options.onRecord(record);
    };
    if (due > clock.now()) clock.after(due - clock.now(), give);
    else queueMicrotask(give);
  }

  const log: MemoryLog = {
    records,
    away: () => false,
    stalled: null,
    appendCalls: 0,
    suspend: (suspended) => {
      consumer?.options.onSuspended?.(suspended);
    },
    revoke: () => {
      const owner = consumer;
      if (owner) owner.active = false;
      owner?.options.onRevoked?.([...Array(PARTITIONS).keys()]);
    },
    unacked: () => records.filter((r) => consumer?.options.topics.includes(r.topic) && !r.acked).length,
    append: async (batch) => {
      await Promise.resolve();
      log.appendCalls += 1;
      await log.stalled;
      if (log.away(batch)) throw new LogUnavailableError('the disk is full');
      for (const record of batch) {
        const stored = {
          ...record,
          offset: BigInt(records.length),
          partition: partitionOf(record.key),
          acked: false,
          handedOut: false,
        };
        records.push(stored);
        handOut(stored);
      }
    },
    consume: (options) => {
      const owner = { options, active: true, paused: false };
      consumer = owner;
      for (const stored of [...records]) handOut(stored);
      return Promise.resolve({
        pause: () => {
          owner.paused = true;
        },
        stop: () => {
          owner.paused = true;
          owner.active = false;
          return Promise.resolve();
        },
      });
    },
    lag: () => Promise.resolve([]),
    retryTopics: () => Promise.resolve([...retryTopics]),
    ping: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  return log;
}
