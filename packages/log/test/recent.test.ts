import { createTopicPartition } from '../src/lmdb/topic-partition.ts';

const BYTES = 100;

/** A partition that keeps four records of the size that `push` makes, and a reader at its end. */
function create(next = 0) {
  const partition = createTopicPartition({ topic: 't', topicId: 1, partition: 0, first: 0, next }, 4 * BYTES);
  const reader = { position: next };
  partition.readers.add(reader);
  const { recent } = partition;
  const push = (...offsets: number[]): void => {
    for (const offset of offsets)
      recent.push({ offset, key: 'k', headers: {}, value: Buffer.alloc(BYTES), dueAt: null });
  };
  const kept = (from: number, to: number): number[] => {
    const offsets: number[] = [];
    for (let at = from; at < to; at += 1) if (recent.at(at)?.offset === at) offsets.push(at);
    return offsets;
  };
  const read = (to: number): void => {
    reader.position = to;
    recent.release();
  };
  return { partition, push, kept, read };
}

describe('the newest records', () => {
  it('are kept for a reader that keeps up, until it has read them', () => {
    const { push, kept, read } = create(7);
    push(7, 8, 9);
    read(8);
    push(10, 11);
    expect(kept(0, 20)).toEqual([8, 9, 10, 11]);
    read(12);
    expect(kept(0, 20)).toEqual([]);
    push(12);
    expect(kept(0, 20)).toEqual([12]);
  });

  it('are let go, and no more kept, when a reader falls behind, until it has caught up', () => {
    const { push, kept, read } = create();
    push(0, 1, 2, 3, 4);
    expect(kept(0, 20)).toEqual([]);
    push(5, 6);
    read(4);
    push(7);
    expect(kept(0, 20)).toEqual([]);
    read(8);
    push(8, 9);
    expect(kept(0, 20)).toEqual([8, 9]);
  });

  it('begin anew behind offsets that were never written', () => {
    const { push, kept } = create();
    push(0, 1);
    push(5, 6);
    expect(kept(0, 20)).toEqual([]);
    const other = create(3);
    other.push(9, 10);
    expect(other.kept(0, 20)).toEqual([9, 10]);
  });

  it('are not kept when nobody reads', () => {
    const { partition, push, kept } = create();
    partition.readers.clear();
    push(0, 1);
    expect(kept(0, 20)).toEqual([]);
  });
});
