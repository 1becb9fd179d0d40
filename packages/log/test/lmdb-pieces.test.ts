import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestClock } from '@milena/runtime';
import { createLmdbLog } from '../src/lmdb/index.ts';
import { PIECE_BYTES } from '../src/lmdb/pieces.ts';
import { openStorage, type Batch, type Storage } from '../src/lmdb/storage.ts';
import type { MessageLog } from '../src/message-log.ts';
import { collect, record, TOPIC, until } from './conformance/harness.ts';
import { newDirectory } from './lmdb-hooks.ts';

/** A page in the file of LMDB: its number, its flags, and of a large value how many follow each other. */
const PAGE = { bytes: 4096, flagsAt: 18, overflow: 0x04, pagesAt: 20 };

const key = (name: string): Buffer => Buffer.from(name);
/** Bytes that tell where in the value they are. */
const value = (length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
};

describe('values in pieces', () => {
  let path = '';
  let storage: Storage;
  const commit = (write: (batch: Batch) => void): Promise<void> => storage.commit(write);
  const lengths = (limit = 100): [string, number][] =>
    [...storage.range(key('a'), key('z'), limit)].map((entry) => [
      Buffer.from(entry.key).toString(),
      entry.value.length,
    ]);

  beforeEach(async () => {
    path = await newDirectory();
    storage = openStorage(path);
  });
  afterEach(async () => {
    await storage.close();
    await rm(path, { recursive: true, force: true });
  });

  const sizes = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 300 * PIECE_BYTES + 7];

  it.each(sizes)('a value of %d bytes comes back whole, from a look and from a range', async (length) => {
    await commit((batch) => {
      batch.putInPieces(key('m'), value(length));
      batch.putInPieces(key('n'), value(10));
    });
    expect(storage.get(key('m'))?.equals(value(length))).toBe(true);
    const [first, second, ...others] = storage.range(key('a'), key('z'), 100);
    expect(first?.value.equals(value(length))).toBe(true);
    expect(second?.value.equals(value(10))).toBe(true);
    expect(others).toEqual([]);
  });

  it('a range counts and bounds whole values', async () => {
    await commit((batch) => {
      for (const name of ['b', 'c', 'd']) batch.putInPieces(key(name), value(3 * PIECE_BYTES));
    });
    expect(lengths(2)).toEqual([
      ['b', 3 * PIECE_BYTES],
      ['c', 3 * PIECE_BYTES],
    ]);
    expect(storage.count(key('a'), key('z'))).toBe(3);
    expect(storage.count(key('c'), key('d'))).toBe(1);
  });

  it('a value of a piece’s length does not swallow the one after it', async () => {
    await commit((batch) => {
      batch.putInPieces(key('m'), value(PIECE_BYTES));
      batch.putInPieces(key('mno'), Buffer.from('a longer key, but no piece would be called that'));
      batch.putInPieces(key('n'), value(PIECE_BYTES));
    });
    expect(lengths()).toEqual([
      ['m', PIECE_BYTES],
      ['mno', 47],
      ['n', PIECE_BYTES],
    ]);
  });

  it('a value as one whole, of whatever length, is read as it is: so were all that a former layout wrote', async () => {
    await commit((batch) => {
      batch.put(key('m'), value(5 * PIECE_BYTES));
      batch.putInPieces(key('n'), value(5 * PIECE_BYTES));
    });
    expect(storage.get(key('m'))?.equals(value(5 * PIECE_BYTES))).toBe(true);
    expect(lengths().map(([, length]) => length)).toEqual([5 * PIECE_BYTES, 5 * PIECE_BYTES]);
  });

  it('a range is removed with every piece, and nothing beside it', async () => {
    await commit((batch) => {
      for (const name of ['b', 'c', 'd', 'e']) batch.putInPieces(key(name), value(4 * PIECE_BYTES));
    });
    await commit((batch) => {
      expect(batch.removeRange(key('c'), key('e'), 100)).toEqual({ removed: 8, left: null });
    });
    expect(lengths()).toEqual([
      ['b', 4 * PIECE_BYTES],
      ['e', 4 * PIECE_BYTES],
    ]);
    await commit((batch) => {
      batch.removeRange(key('a'), key('z'), 100);
    });
    expect(lengths()).toEqual([]);
    expect(storage.lastKey(key('a'), key('z'))).toBeUndefined();
  });

  it('a removal ends with the value in which it reaches its limit', async () => {
    await commit((batch) => {
      for (const name of ['b', 'c', 'd']) batch.putInPieces(key(name), value(4 * PIECE_BYTES));
    });
    await commit((batch) => {
      const { removed, left } = batch.removeRange(key('a'), key('z'), 5);
      expect([removed, String(Buffer.from(left!))]).toEqual([8, 'd']);
    });
    expect(lengths()).toEqual([['d', 4 * PIECE_BYTES]]);
  });

  it('no piece takes more than a page', async () => {
    await commit((batch) => {
      for (let n = 0; n < 100; n += 1) batch.putInPieces(key(`m${n}`), value(n * 1000));
    });
    const file = readFileSync(join(path, 'data.mdb'));
    const runs = new Map<number, number>();
    for (let at = 2 * PAGE.bytes; at < file.length; at += PAGE.bytes) {
      const isItself = Number(file.readBigUInt64LE(at)) === at / PAGE.bytes;
      if (!isItself || (file.readUInt16LE(at + PAGE.flagsAt) & PAGE.overflow) === 0) continue;
      const pages = file.readUInt32LE(at + PAGE.pagesAt);
      runs.set(pages, (runs.get(pages) ?? 0) + 1);
    }
    expect([...runs.keys()]).toEqual([1]);
    expect(runs.get(1)).toBeGreaterThan(1000);
  });
});

describe('large records of the log', () => {
  const clock = createTestClock();
  const LAYOUT = Buffer.from('\0\0layout');
  const BYTES = 3 * PIECE_BYTES;
  let path = '';
  const open = (): Promise<MessageLog> =>
    createLmdbLog({
      path,
      topics: [{ name: TOPIC, retentionMs: 3_600_000, groups: ['g'] }],
      partitions: 4,
      clock,
    });
  /** What `look` finds in the file of a log that is closed. */
  const inFile = async <T>(look: (storage: Storage) => T | Promise<T>): Promise<T> => {
    const storage = openStorage(path);
    try {
      return await look(storage);
    } finally {
      await storage.close();
    }
  };
  const setVersion = (version: number): Promise<void> =>
    inFile((storage) =>
      storage.commit((batch) => {
        const layout = JSON.parse(String(storage.get(LAYOUT))) as Record<string, unknown>;
        batch.put(LAYOUT, Buffer.from(JSON.stringify({ ...layout, version })));
      }),
    );

  beforeEach(async () => {
    path = await newDirectory();
  });
  afterEach(() => rm(path, { recursive: true, force: true }));

  it.each(['in the same run', 'after a restart'])(
    'leave no piece behind when they are done %s',
    async (when) => {
      let log = await open();
      await log.append(
        Array.from({ length: 40 }, (_, n) => record(n % 4, Buffer.alloc(n % 2 ? BYTES : 10, 'x'))),
      );
      if (when === 'after a restart') {
        await log.close();
        log = await open();
      }
      const { count, got } = await collect(log, { ack: true });
      await count(40);
      expect(got.filter(({ value }) => value.length === BYTES)).toHaveLength(20);
      clock.advance(1_000);
      await until('all are gone', async () => (await log.lag('nobody', [TOPIC]))[0]!.records === 0);
      await log.close();
      await inFile((storage) => {
        expect([...storage.range(Buffer.from([0, 1]), Buffer.from([255]), 10)]).toEqual([]);
      });
    },
  );

  it('a directory of the former layout is taken over, one of a later layout is refused', async () => {
    const log = await open();
    await log.append([record(0, 'of before')]);
    await log.close();
    await setVersion(1);
    const upgraded = await open();
    const { count, values } = await collect(upgraded);
    await count(1);
    expect(values()).toEqual(['of before']);
    await upgraded.close();
    expect(await inFile((storage) => String(storage.get(LAYOUT)))).toContain('"version":2');
    await setVersion(3);
    await expect(open()).rejects.toThrow('has layout 3; this build reads 1 to 2');
  });
});
