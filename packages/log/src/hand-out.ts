import type { Clock } from '@milena/runtime';
import type { Budget } from './budget.ts';
import type { DueWindow } from './due-window.ts';
import { MAY_REPEAT_HEADER, type ConsumedRecord } from './message-log.ts';
import type { OffsetTracker } from './offset-tracker.ts';
import type { Outcome, Taker } from './turns.ts';

/** Records from one partition before the next has its turn. */
const TURN_RECORDS = 16;

/** A record as an adapter has read it. */
export interface StoredRecord {
  offset: number;
  key: string;
  headers: Record<string, string>;
  value: Buffer;
  dueAt: number | null;
}

/** One consumer's way through one topic-partition, from take-over to loss. */
export interface PartitionReader extends Taker {
  /** `id` names it in maps. */
  readonly partition: { readonly id: string; readonly topic: string; readonly partition: number };
  readonly tracker: OffsetTracker;
  /** Records below this offset may have been handled by another owner. */
  redeliveredBelow: number;
  /** False once the partition was taken away: acks no longer count. */
  active: boolean;
  /** Handed out and not acked. */
  unackedRecords: number;
  unackedBytes: number;
  /** The next record, or undefined when there is none yet. */
  peek(): StoredRecord | undefined;
  advance(): void;
  /** Once more the record at an offset, undefined when it has grown too old meanwhile. Absent where reading it is costly. */
  reread?(offset: number): StoredRecord | undefined;
}

/** A record that was read before its time. */
export interface HeldRecord {
  /** null: it is read once more when its time has come. Thousands that stay in memory until then make collections long. */
  record: StoredRecord | null;
  offset: number;
  /** In the offset tracker. */
  ticket: number;
  /** Of its value. */
  bytes: number;
}

/** What handing out needs of a consumer. */
export interface Hand<R extends PartitionReader> {
  clock: Clock;
  budget: Budget;
  window: DueWindow<HeldRecord>;
  paused: boolean;
  onRecord: (record: ConsumedRecord) => void;
  /** More of this reader's records is done, at its tracker's mark or beyond. */
  onDone: (reader: R) => void;
  onReadFailed: (reader: R, error: unknown) => void;
}

/** Hands out some records of one partition: first what was held back and is due now, then what comes next. */
export function takeTurn<R extends PartitionReader>(reader: R, hand: Hand<R>): Outcome {
  const { budget, window } = hand;
  const { id } = reader.partition;
  const now = hand.clock.now();
  for (let taken = 0; taken < TURN_RECORDS; taken += 1) {
    // Any record handed out may have led to a pause or to the loss of the partition.
    if (hand.paused || !reader.active) return 'empty';
    const held = window.peek(id);
    if (held !== undefined) {
      if (!budget.fits(held.bytes)) return 'blocked';
      if (!takeHeld(reader, held, hand)) return 'empty';
      continue;
    }
    // Its timer queues the partition again when something leaves the window.
    if (window.isFull(id)) return 'empty';
    const record = peekSafely(reader, hand);
    if (record === undefined) return 'empty';
    const { offset, dueAt, value } = record;
    if (reader.tracker.wasDone(offset)) {
      passOver(reader, offset, hand);
      continue;
    }
    const early = dueAt !== null && dueAt > now;
    if (!early && !budget.fits(value.length)) return 'blocked';
    reader.advance();
    const ticket = reader.tracker.track(offset);
    if (early) {
      const kept = reader.reread === undefined ? record : null;
      window.hold(id, { record: kept, offset, ticket, bytes: value.length }, dueAt, value.length);
    } else handOut(reader, record, ticket, hand);
  }
  return 'more';
}

/** @returns false when it could not be read; it stays held, and is tried again later */
function takeHeld<R extends PartitionReader>(reader: R, held: HeldRecord, hand: Hand<R>): boolean {
  const { offset, ticket } = held;
  let record: StoredRecord | undefined;
  try {
    record = held.record ?? reader.reread?.(offset);
  } catch (error) {
    hand.onReadFailed(reader, error);
    return false;
  }
  hand.window.take(reader.partition.id);
  if (record !== undefined) handOut(reader, record, ticket, hand);
  else if (reader.tracker.done(ticket)) hand.onDone(reader);
  return true;
}

/** It was done before the partition came here. */
function passOver<R extends PartitionReader>(reader: R, offset: number, hand: Hand<R>): void {
  reader.advance();
  const { tracker } = reader;
  if (tracker.done(tracker.track(offset))) hand.onDone(reader);
}

function peekSafely<R extends PartitionReader>(reader: R, hand: Hand<R>): StoredRecord | undefined {
  try {
    return reader.peek();
  } catch (error) {
    hand.onReadFailed(reader, error);
    return undefined;
  }
}

function handOut<R extends PartitionReader>(
  reader: R,
  record: StoredRecord,
  ticket: number,
  hand: Hand<R>,
): void {
  const { partition } = reader;
  const bytes = record.value.length;
  hand.budget.take(bytes);
  reader.unackedRecords += 1;
  reader.unackedBytes += bytes;
  hand.onRecord({
    topic: partition.topic,
    partition: partition.partition,
    offset: BigInt(record.offset),
    key: record.key,
    value: record.value,
    headers: record.headers,
    maybeRedelivered: record.offset < reader.redeliveredBelow || MAY_REPEAT_HEADER in record.headers,
    ack: createAck(reader, ticket, bytes, hand),
  });
}

/** It may be kept for much longer than the record, by the thousand, so nothing else is in its closure. */
function createAck<R extends PartitionReader>(
  reader: R,
  ticket: number,
  bytes: number,
  hand: Hand<R>,
): () => void {
  let open = true;
  return () => {
    if (!open || !reader.active) return;
    open = false;
    reader.unackedRecords -= 1;
    reader.unackedBytes -= bytes;
    hand.budget.give(1, bytes);
    reader.tracker.done(ticket);
    hand.onDone(reader);
  };
}
