import type { Message } from 'kafkajs';
import { LogUnavailableError } from '../message-log.ts';

/**
 * One produce request. Below the brokers' default limit for one batch (1 MiB), as all of it may be for one partition; a
 * larger record goes alone. kafkajs groups a request in quadratic time, which 1,000 records don't feel yet.
 */
const REQUEST_RECORDS = 1_000;
const REQUEST_BYTES = 900 * 1024;

/** What a record costs beyond its key and value. */
const RECORD_OVERHEAD = 100;

/** A record on its way to the cluster, in a topic as it is named there. */
export interface Outgoing {
  topic: string;
  message: Message & { partition: number };
  bytes: number;
}

export function sizeOf(record: { key: string; value: Buffer; headers: Record<string, string> }): number {
  let bytes = RECORD_OVERHEAD + record.key.length + record.value.length;
  for (const name in record.headers) bytes += name.length + (record.headers[name]?.length ?? 0);
  return bytes;
}

/** The records of one `append`, which wait together but may go in several requests. */
interface Append {
  records: readonly Outgoing[];
  /** Records that are in a request or acked. */
  sent: number;
  acked: number;
  bytes: number;
  deadline: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** The records of one request, in order. */
export interface Request {
  records: readonly Outgoing[];
  /** When the one that has waited longest is given up. */
  deadline: number;
  parts: readonly { append: Append; records: number }[];
}

/** Appends that are not acked yet, first come first served. */
interface AppendQueue {
  /** @throws LogUnavailableError when too much is waiting already */
  add(records: readonly Outgoing[], deadline: number): Promise<void>;
  empty(): boolean;
  /** More than one request's worth is waiting. */
  full(): boolean;
  /**
   * The next request. Appends that have waited too long by now are rejected instead, with what `overdue` makes: it is
   * told whether a part of the append has been in a request.
   */
  take(now: number, overdue: (begun: boolean) => Error): Request | null;
  /** All of the request is acked, or its appends are given up: `error` is what they reject with. */
  settle(request: Request, error: Error | null): void;
}

/** @param maxBytes of all appends not settled; a single larger one passes when it is alone */
export function createAppendQueue(maxBytes: number): AppendQueue {
  const waiting: Append[] = [];
  let waitingRecords = 0;
  let unsettledBytes = 0;

  const settleAppend = (append: Append, error: Error | null): void => {
    unsettledBytes -= append.bytes;
    if (error === null) append.resolve();
    else append.reject(error);
  };
  /** Takes it out of the queue, of which it is the head, with what was not sent of it. */
  const giveUpHead = (append: Append, error: Error): void => {
    waiting.shift();
    waitingRecords -= append.records.length - append.sent;
    settleAppend(append, error);
  };

  return {
    add: (records, deadline) => {
      const bytes = records.reduce((sum, record) => sum + record.bytes, 0);
      if (unsettledBytes > 0 && unsettledBytes + bytes > maxBytes) {
        throw new LogUnavailableError(`${unsettledBytes} bytes are waiting for Kafka already`);
      }
      if (records.length === 0) return Promise.resolve();
      unsettledBytes += bytes;
      waitingRecords += records.length;
      return new Promise((resolve, reject) => {
        waiting.push({ records, sent: 0, acked: 0, bytes, deadline, resolve, reject });
      });
    },
    empty: () => waiting.length === 0,
    full: () => waitingRecords >= REQUEST_RECORDS,
    take: (now, overdue) => {
      for (let head = waiting[0]; head !== undefined && head.deadline <= now; head = waiting[0]) {
        giveUpHead(head, overdue(head.sent > 0));
      }
      const request = nextRequest(waiting);
      if (request !== null) waitingRecords -= request.records.length;
      return request;
    },
    settle: (request, error) => {
      for (const { append, records } of request.parts) {
        append.acked += records;
        if (error === null) {
          if (append.acked === append.records.length) settleAppend(append, null);
        } else if (append === waiting[0]) giveUpHead(append, error);
        else settleAppend(append, error);
      }
    },
  };
}

/** Takes from the head; an append that fits in part stays at the head with the rest. */
function nextRequest(waiting: Append[]): Request | null {
  const records: Outgoing[] = [];
  const parts: { append: Append; records: number }[] = [];
  let deadline = Infinity;
  let bytes = 0;
  const fits = (next: Outgoing): boolean =>
    records.length === 0 || (records.length < REQUEST_RECORDS && bytes + next.bytes <= REQUEST_BYTES);
  let whole = 0;
  for (const append of waiting) {
    const before = append.sent;
    for (let next = append.records[append.sent]; next !== undefined; next = append.records[append.sent]) {
      if (!fits(next)) break;
      records.push(next);
      bytes += next.bytes;
      append.sent += 1;
    }
    if (append.sent > before) {
      parts.push({ append, records: append.sent - before });
      deadline = Math.min(deadline, append.deadline);
    }
    if (append.sent < append.records.length) break;
    whole += 1;
  }
  waiting.splice(0, whole);
  return records.length === 0 ? null : { records, deadline, parts };
}
