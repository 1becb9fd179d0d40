import { rm } from 'node:fs/promises';
import { open, type Database } from 'lmdb';
import { cutLinks } from '../src/lmdb/cut-links.ts';
import { newDirectory } from './lmdb-hooks.ts';

interface Write {
  next: Write | null;
  nextTxn?: Write | null;
}

describe('the links between the writes that lmdb-js keeps', () => {
  let path = '';
  let db: Database<Buffer, Buffer>;
  /** The first write of each commit. */
  const firsts: Write[] = [];
  const commit = async (n: number): Promise<void> => {
    const durable = db.batch(() => {
      for (const part of ['a', 'b', 'c']) void db.put(Buffer.from(`${n}${part}`), Buffer.from(part));
    });
    db.remove(Buffer.from('none')).catch(() => undefined);
    await durable;
  };

  beforeEach(async () => {
    path = await newDirectory();
    firsts.length = 0;
    db = open({ path, encoding: 'binary', keyEncoding: 'binary', overlappingSync: false });
  });
  afterEach(async () => {
    await db.close();
    await rm(path, { recursive: true, force: true });
  });

  const watch = (): void => {
    db.on('aftercommit', ({ next }: { next: Write }) => {
      firsts.push(next);
    });
  };

  it('stay where nobody cuts them, so that one keeps all that follow', async () => {
    watch();
    for (let n = 0; n < 10; n += 1) await commit(n);
    const reached = new Set<Write>();
    for (let one: Write | null = firsts[0]!; one !== null; one = one.next) reached.add(one);
    expect(firsts.every((first) => reached.has(first))).toBe(true);
    expect(reached.size).toBeGreaterThanOrEqual(20);
  });

  it('go with the next commit, and every write is made', async () => {
    cutLinks(db);
    watch();
    for (let n = 0; n < 10; n += 1) await commit(n);
    await Promise.all(Array.from({ length: 10 }, (_, n) => commit(10 + n)));
    expect(firsts.length).toBeGreaterThanOrEqual(10);
    for (const { next, nextTxn } of firsts.slice(0, -1))
      expect([next, nextTxn ?? null]).toEqual([null, null]);
    expect(firsts.at(-1)!.next).not.toBeNull();
    expect(db.getKeysCount()).toBe(60);
  });
});
