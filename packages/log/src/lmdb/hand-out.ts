import type { Clock } from '@milena/runtime';
import type { DueWindow } from '../due-window.ts';
import type { ConsumedRecord } from '../message-log.ts';
import type { Budget } from './budget.ts';
import type { Group } from './group.ts';
import type { Reader } from './reader.ts';
import type { StoredRecord } from './topic-partition.ts';
import type { Outcome } from './turns.ts';

/** Records from one partition before the next has its turn. */
const TURN_RECORDS = 16;

/** A record read before its time, and its ticket in the offset tracker. */
export interface HeldRecord {
  record: StoredRecord;
  ticket: number;
}

/** What handing out needs of a consumer. */
export interface Hand {
  clock: Clock;
  group: Group;
  budget: Budget;
  window: DueWindow<HeldRecord>;
  paused: boolean;
  onRecord: (record: ConsumedRecord) => void;
  onReadFailed: (reader: Reader, error: unknown) => void;
}

/** Hands out some records of one partition: first what was held back and is due now, then what comes next. */
export function takeTurn(reader: Reader, hand: Hand): Outcome {
  const { budget, window } = hand;
  const { id } = reader.partition;
  const now = hand.clock.now();
  for (let taken = 0; taken < TURN_RECORDS; taken += 1) {
    // Any record handed out may have led to a pause or to the loss of the partition.
    if (hand.paused || !reader.active) return 'empty';
    const held = window.peek(id);
    if (held !== undefined) {
      if (!budget.fits(held.record.value.length)) return 'blocked';
      window.take(id);
      handOut(reader, held, hand);
      continue;
    }
    // Its timer queues the partition again when something leaves the window.
    if (window.isFull(id)) return 'empty';
    const record = peekSafely(reader, hand);
    if (record === undefined) return 'empty';
    const { offset, dueAt, value } = record;
    const early = dueAt !== null && dueAt > now;
    if (!early && !budget.fits(value.length)) return 'blocked';
    reader.advance();
    const read = { record, ticket: reader.tracker.track(offset) };
    if (early) window.hold(id, read, dueAt, value.length);
    else handOut(reader, read, hand);
  }
  return 'more';
}

function peekSafely(reader: Reader, hand: Hand): StoredRecord | undefined {
  try {
    return reader.peek();
  } catch (error) {
    hand.onReadFailed(reader, error);
    return undefined;
  }
}

function handOut(reader: Reader, { record, ticket }: HeldRecord, { budget, group, onRecord }: Hand): void {
  const { partition } = reader;
  const bytes = record.value.length;
  budget.take(bytes);
  reader.unackedRecords += 1;
  reader.unackedBytes += bytes;
  let open = true;
  onRecord({
    topic: partition.topic,
    partition: partition.partition,
    offset: BigInt(record.offset),
    key: record.key,
    value: record.value,
    headers: record.headers,
    maybeRedelivered: record.offset < reader.redeliveredBelow,
    ack: () => {
      if (!open || !reader.active) return;
      open = false;
      reader.unackedRecords -= 1;
      reader.unackedBytes -= bytes;
      budget.give(1, bytes);
      if (reader.tracker.done(ticket)) group.commit(partition, reader.tracker.mark());
    },
  });
}
