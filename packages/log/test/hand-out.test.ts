import { createTestClock } from '@milena/runtime';
import { createBudget } from '../src/budget.ts';
import { createDueWindow } from '../src/due-window.ts';
import {
  takeTurn,
  type Hand,
  type HeldRecord,
  type PartitionReader,
  type StoredRecord,
} from '../src/hand-out.ts';
import { createOffsetTracker } from '../src/offset-tracker.ts';

const DUE_IN_MS = 1000;

/** A partition with one record that is not due yet, after its turn: the record is held. */
function holding(reread: PartitionReader['reread']) {
  const clock = createTestClock();
  const record: StoredRecord = {
    offset: 0,
    key: 'k',
    headers: {},
    value: Buffer.from('x'),
    dueAt: clock.now() + DUE_IN_MS,
  };
  let ahead: StoredRecord | undefined = record;
  const handedOut: string[] = [];
  const failures: unknown[] = [];
  const reader: PartitionReader = {
    partition: { id: 't/0', topic: 't', partition: 0 },
    tracker: createOffsetTracker(0, []),
    redeliveredBelow: 0,
    active: true,
    queued: false,
    unackedRecords: 0,
    unackedBytes: 0,
    peek: () => ahead,
    advance: () => (ahead = undefined),
    ...(reread && { reread }),
  };
  const hand: Hand<PartitionReader> = {
    clock,
    budget: createBudget(Infinity, Infinity, () => undefined),
    window: createDueWindow<HeldRecord>({ clock, onDue: () => undefined }),
    paused: false,
    onRecord: ({ value }) => handedOut.push(value.toString()),
    onDone: () => undefined,
    onReadFailed: (_, error) => failures.push(error),
  };
  takeTurn(reader, hand);
  clock.advance(DUE_IN_MS);
  return { reader, hand, record, handedOut, failures };
}

test('a record that is held is read once more when it is due', () => {
  const { reader, hand, handedOut } = holding((offset) => ({
    offset,
    key: 'k',
    headers: {},
    value: Buffer.from('once more'),
    dueAt: null,
  }));
  expect(handedOut).toEqual([]);
  takeTurn(reader, hand);
  expect(handedOut).toEqual(['once more']);
});

test('where reading is costly it is kept', () => {
  const { reader, hand, handedOut } = holding(undefined);
  takeTurn(reader, hand);
  expect(handedOut).toEqual(['x']);
});

test('one that can not be read stays, and is handed out once it can', () => {
  let broken = true;
  const held = holding(() => {
    if (broken) throw new Error('EIO');
    return held.record;
  });
  const { reader, hand, handedOut, failures } = held;
  expect(takeTurn(reader, hand)).toBe('empty');
  expect([handedOut, failures]).toEqual([[], [new Error('EIO')]]);
  expect(reader.tracker.mark()).toBe(0);
  broken = false;
  takeTurn(reader, hand);
  expect(handedOut).toEqual(['x']);
});

test('one that has grown too old meanwhile is done', () => {
  const { reader, hand, handedOut, failures } = holding(() => undefined);
  takeTurn(reader, hand);
  expect([handedOut, failures]).toEqual([[], []]);
  expect(reader.tracker.mark()).toBe(1);
});
