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
  /** By the offset that they are asked for. */
  const kept = (): number[] => {
    const offsets: number[] = [];
    for (let at = 0; at < 20; at += 1) {
      const record = recent.at(at);
      if (record === undefined) continue;
      expect(record.offset).toBe(at);
      offsets.push(at);
    }
    return offsets;
  };
  const read = (to: number, by = reader): void => {
    by.position = to;
    recent.release();
  };
  return { partition, reader, push, kept, read };
}

describe('the newest records', () => {
  it('are kept for a reader that keeps up, until it has read them', () => {
    const { push, kept, read } = create(7);
    push(7, 8, 9);
    read(8);
    push(10, 11);
    expect(kept()).toEqual([8, 9, 10, 11]);
    read(12);
    expect(kept()).toEqual([]);
    push(12);
    expect(kept()).toEqual([12]);
  });

  it('are let go, and no more kept, when a reader falls behind, until it has caught up', () => {
    const { push, kept, read } = create();
    push(0, 1, 2, 3, 4);
    expect(kept()).toEqual([]);
    push(5, 6);
    read(4);
    push(7);
    expect(kept()).toEqual([]);
    read(8);
    push(8, 9);
    expect(kept()).toEqual([8, 9]);
  });

  it('are kept for who is a little behind, however much has been read before', () => {
    const { reader, push, kept } = create();
    for (let offset = 0; offset < 10; offset += 1) {
      push(offset);
      reader.position = offset;
    }
    push(10);
    expect(kept()).toEqual([9, 10]);
  });

  it('are kept for a reader that keeps up, however far another one is behind', () => {
    const { partition, push, kept, read } = create();
    const slow = { position: 0 };
    partition.readers.add(slow);
    push(0, 1);
    read(2);
    expect(kept()).toEqual([0, 1]);
    push(2, 3, 4);
    expect(kept()).toEqual([]);
    read(5);
    push(5, 6);
    read(6);
    expect(kept()).toEqual([6]);
    read(3, slow);
    expect(kept()).toEqual([6]);
  });

  it('begin anew behind offsets that were never written', () => {
    const { push, kept } = create();
    push(0, 1);
    push(5, 6);
    expect(kept()).toEqual([]);
    const other = create(3);
    other.push(9, 10);
    expect(other.kept()).toEqual([9, 10]);
  });

  it('are not kept when nobody reads', () => {
    const { partition, push, kept } = create();
    partition.readers.clear();
    push(0, 1);
    expect(kept()).toEqual([]);
  });
});
