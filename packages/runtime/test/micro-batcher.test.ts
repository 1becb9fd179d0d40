import { BacklogFullError, createMicroBatcher } from '../src/micro-batcher.ts';

/** Turns of the event loop, as many as it takes. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Runs that end when told to, each with the items of its batch. */
function createRuns() {
  const batches: string[][] = [];
  const endings: { resolve(results: string[]): void; reject(error: Error): void }[] = [];
  return {
    batches,
    run: (items: readonly string[]) => {
      batches.push([...items]);
      return new Promise<string[]>((resolve, reject) => endings.push({ resolve, reject }));
    },
    /** Ends the oldest run; each item's result is its upper case. */
    end: () => endings.shift()?.resolve(batches.at(-1 - endings.length)?.map((s) => s.toUpperCase()) ?? []),
    fail: (error: Error) => endings.shift()?.reject(error),
  };
}

type Options = Parameters<typeof createMicroBatcher<string, string>>[0];

function create(over: Partial<Options> = {}) {
  const runs = createRuns();
  const batcher = createMicroBatcher<string, string>({
    run: runs.run,
    weigh: (item) => item.length,
    maxBatchWeight: 10,
    maxBacklogWeight: 100,
    ...over,
  });
  return { ...runs, batcher };
}

describe('the micro-batcher', () => {
  it('takes along what comes in the same turn of the event loop', async () => {
    const { batcher, batches, end } = create();
    const results = Promise.all([batcher.submit('a'), batcher.submit('b')]);
    await until(() => batches.length === 1);
    expect(batches).toEqual([['a', 'b']]);
    end();
    expect(await results).toEqual(['A', 'B']);
  });

  it('gathers what comes while a run is under way into the next one, in order', async () => {
    const { batcher, batches, end } = create();
    const first = batcher.submit('a');
    await until(() => batches.length === 1);
    const rest = Promise.all(['b', 'c', 'd'].map((item) => batcher.submit(item)));
    expect(batches).toEqual([['a']]);
    end();
    expect(await first).toBe('A');
    await until(() => batches.length === 2);
    expect(batches[1]).toEqual(['b', 'c', 'd']);
    end();
    expect(await rest).toEqual(['B', 'C', 'D']);
  });

  it('keeps a batch below its bound, but never refuses a single heavier item', async () => {
    const { batcher, batches, end } = create();
    const items = ['aaaa', 'bbbb', 'cccc', 'dddddddddddddddd', 'e'];
    const done = Promise.all(items.map((item) => batcher.submit(item)));
    for (const expected of [['aaaa', 'bbbb'], ['cccc'], ['dddddddddddddddd'], ['e']]) {
      await until(() => batches.at(-1)?.[0] === expected[0]);
      expect(batches.at(-1)).toEqual(expected);
      end();
    }
    expect(await done).toHaveLength(5);
  });

  it('fails the items of a failed run and no others', async () => {
    const { batcher, batches, end, fail } = create();
    const first = batcher.submit('a');
    await until(() => batches.length === 1);
    const second = batcher.submit('b');
    fail(new Error('down'));
    await expect(first).rejects.toThrow('down');
    await until(() => batches.length === 2);
    end();
    expect(await second).toBe('B');
  });

  it('refuses at once what would wait beyond the backlog, and takes it when there is room again', async () => {
    const { batcher, batches, end } = create({ maxBacklogWeight: 5 });
    const heavy = batcher.submit('aaaaaaaaaaaaaaaa');
    await expect(batcher.submit('b')).rejects.toThrow(BacklogFullError);
    await until(() => batches.length === 1);
    await expect(batcher.submit('b')).rejects.toThrow(BacklogFullError);
    end();
    await heavy;
    const next = batcher.submit('b');
    await until(() => batches.length === 2);
    end();
    expect(await next).toBe('B');
  });

  it('gives the room of a failed run back', async () => {
    const { batcher, batches, end, fail } = create({ maxBacklogWeight: 5 });
    const first = batcher.submit('aaaaa');
    await until(() => batches.length === 1);
    fail(new Error('down'));
    await expect(first).rejects.toThrow('down');
    const next = batcher.submit('bbbbb');
    await until(() => batches.length === 2);
    end();
    expect(await next).toBe('BBBBB');
  });

  it('is idle when nothing waits and nothing is under way', async () => {
    const { batcher, batches, end } = create();
    await batcher.idle();
    let idle = false;
    const done = batcher.submit('a');
    const waiting = batcher.idle().then(() => (idle = true));
    await until(() => batches.length === 1);
    expect(idle).toBe(false);
    end();
    await done;
    await waiting;
    expect(idle).toBe(true);
  });

  it('sends an item that comes alone at once when it is eager, and gathers behind it all the same', async () => {
    const { batcher, batches, end } = create({ eager: true });
    const all = Promise.all(['a', 'b', 'c'].map((item) => batcher.submit(item)));
    expect(batches).toEqual([['a']]);
    end();
    await until(() => batches.length === 2);
    expect(batches[1]).toEqual(['b', 'c']);
    end();
    expect(await all).toEqual(['A', 'B', 'C']);
  });

  it('does not hold what comes back for a run that is under way when runs may overlap', async () => {
    const { batcher, batches, end } = create({ overlapping: true });
    const first = batcher.submit('a');
    await until(() => batches.length === 1);
    const second = Promise.all([batcher.submit('b'), batcher.submit('c')]);
    await until(() => batches.length === 2);
    expect(batches).toEqual([['a'], ['b', 'c']]);
    let idle = false;
    const waiting = batcher.idle().then(() => (idle = true));
    end();
    expect(await first).toBe('A');
    expect(idle).toBe(false);
    end();
    expect(await second).toEqual(['B', 'C']);
    await waiting;
  });

  it('begins no batch before a full one has ended, also when runs may overlap', async () => {
    const { batcher, batches, end } = create({ overlapping: true });
    const all = Promise.all(['aaaaaa', 'bbbbbb', 'cc'].map((item) => batcher.submit(item)));
    await until(() => batches.length === 1);
    const more = batcher.submit('dd');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(batches).toEqual([['aaaaaa']]);
    end();
    await until(() => batches.length === 2);
    expect(batches[1]).toEqual(['bbbbbb', 'cc', 'dd']);
    end();
    expect(await all).toEqual(['AAAAAA', 'BBBBBB', 'CC']);
    expect(await more).toBe('DD');
  });

  it('counts what overlapping runs have in hand against the backlog', async () => {
    const { batcher, batches, end } = create({ overlapping: true, maxBacklogWeight: 5 });
    const first = batcher.submit('aaaaa');
    await until(() => batches.length === 1);
    await expect(batcher.submit('b')).rejects.toThrow(BacklogFullError);
    end();
    await first;
    const next = batcher.submit('b');
    await until(() => batches.length === 2);
    end();
    expect(await next).toBe('B');
  });

  it('leaves time between the starts of two runs, but none before one that is full', async () => {
    const startedAt: number[] = [];
    const { batcher } = create({
      run: (items) => {
        startedAt.push(performance.now());
        return Promise.resolve([...items]);
      },
      ...{ maxBatchWeight: 3, spacingMs: 300 },
    });
    await batcher.submit('a');
    const later = batcher.submit('b');
    await later;
    expect(startedAt[1]! - startedAt[0]!).toBeGreaterThan(295);
    await Promise.all(['cc', 'd'].map((item) => batcher.submit(item)));
    expect(startedAt[2]! - startedAt[1]!).toBeLessThan(295);
  });
});
