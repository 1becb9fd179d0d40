import { createRetention } from '../src/lmdb/retention.ts';
import { createTopicPartition } from '../src/lmdb/topic-partition.ts';

const spec = { name: 't', groups: [] } as never;

/** A partition with so many records, all of them too old to keep. */
function expired(records: number) {
  const partition = createTopicPartition(
    { topic: 't', topicId: 1, partition: 0, first: 0, next: records },
    0,
  );
  partition.inPiecesBelow = 0;
  const topics = { partitions: [partition], of: () => [partition], spec: () => spec };
  const retention = createRetention({ topics, marks: new Map(), beyond: new Map(), nudge: () => undefined });
  retention.expired(partition, records);
  /** How many a commit with so many appends removes. */
  const removedBeside = (appended: number, durable = true): number => {
    let removed = 0;
    const none = () => undefined;
    const removeRange = () => ({ removed: 0, left: null });
    const batch = { put: none, putInPieces: none, remove: () => (removed += 1), removeRange };
    const settle = retention.board(batch, appended);
    settle(durable);
    return removed;
  };
  return { partition, retention, removedBeside };
}

test('whoever waits for an append waits for few removals, and yet they keep up; a commit of their own has many', () => {
  const { removedBeside } = expired(5000);
  expect(removedBeside(1)).toBe(16);
  expect(removedBeside(100)).toBe(200);
  expect(removedBeside(5000)).toBe(1000);
  expect(removedBeside(0)).toBe(1000);
});

test('all goes in the end, and what a commit that failed should have removed goes with a later one', () => {
  const { partition, retention, removedBeside } = expired(1010);
  expect(removedBeside(0, false)).toBe(1000);
  expect(partition.first).toBe(0);
  expect([removedBeside(0), removedBeside(1)]).toEqual([1000, 10]);
  expect(partition.first).toBe(1010);
  expect(retention.waiting()).toBe(false);
});
