import { allWithin, decodeRuns, encodeRuns, timeAmong, within, type Run } from '../src/done-runs.ts';

/** Runs of these lengths with these distances before them. */
function runs(base: number, ...numbers: [gap: number, length: number][]): Run[] {
  let last = base;
  return numbers.map(([gap, length]) => {
    const from = last + gap;
    last = from + length;
    return { from, to: last };
  });
}

describe('runs of done records as text', () => {
  const base = 7_000_000_000;
  const some = runs(base, [1, 1], [31, 32], [33, 1_023], [1_024, 5], [0, 1], [1_000_000, 2 ** 40]);

  it('come back as they were', () => {
    expect(decodeRuns(encodeRuns(some, base), base)).toEqual(some);
    expect(decodeRuns(encodeRuns(some, 0), 0)).toEqual(some);
    expect(encodeRuns([], base)).toBe('');
    expect(decodeRuns('', base)).toEqual([]);
  });

  it('take two characters each when they are short and close, and a commit has room for 1,899 of these', () => {
    const short = runs(base, ...Array.from({ length: 2_000 }, (): [number, number] => [31, 31]));
    expect(encodeRuns(short, base)).toHaveLength(2 + 2 * 2_000);
    expect(decodeRuns(encodeRuns(short, base, 3_800), base)).toEqual(short.slice(0, 1_899));
  });

  it('carry a time, which is nothing to who does not know of it', () => {
    const at = Date.now();
    const text = encodeRuns(some, base, Infinity, at);
    expect(timeAmong(decodeRuns(text, base))).toBe(at);
    expect(text.length - encodeRuns(some, base).length).toBeLessThanOrEqual(20);
    expect(within(decodeRuns(text, base), base, 2 ** 50)).toEqual(some);
    expect(timeAmong(decodeRuns(encodeRuns([], base, 22, at), base))).toBe(at);
    expect(timeAmong(some)).toBeNull();
    expect(timeAmong([])).toBeNull();
  });

  it('are cut off at a whole run, whatever the room', () => {
    const full = encodeRuns(some, base);
    const kept = Array.from({ length: full.length + 1 }, (_, room) => {
      const text = encodeRuns(some, base, room);
      expect(text.length).toBeLessThanOrEqual(room);
      const decoded = decodeRuns(text, base);
      expect(decoded).toEqual(some.slice(0, decoded.length));
      return decoded.length;
    });
    expect(new Set(kept)).toEqual(new Set(some.map((_, n) => n).concat(some.length)));
  });

  it.each([
    ['nothing of ours', 'consumer-1 at 2026-11-25'],
    ['another version', '2:BB'],
    ['JSON', '{"offset":1}'],
    ['a number cut short', '1:Bg'],
    ['a run without its length', '1:BBB'],
    ['a run of no length', '1:BA'],
    ['a character that is no digit', '1:B B'],
    ['numbers that no offset has', `1:B${'_'.repeat(40)}B`],
    ['numbers that add up to what no offset has', `1:${'__________H'.repeat(40)}`],
  ])('%s is no run', (_, text) => {
    expect(decodeRuns(text, base)).toEqual([]);
  });
});

describe('runs of done records', () => {
  const some = runs(0, [2, 3], [2, 3]);

  it('can be narrowed to a part of the partition', () => {
    expect(within(some, 0, 100)).toEqual(some);
    expect(within(some, 3, 8)).toEqual(runs(0, [3, 2], [2, 1]));
    expect(within(some, 5, 7)).toEqual([]);
  });

  it('are within others only when each is, as a whole', () => {
    expect(allWithin([], [])).toBe(true);
    expect(allWithin(some, some)).toBe(true);
    expect(allWithin(runs(0, [3, 1], [4, 1]), some)).toBe(true);
    expect(allWithin(some, runs(0, [0, 50]))).toBe(true);
    expect(allWithin(some, [])).toBe(false);
    expect(allWithin(runs(0, [3, 5]), some)).toBe(false);
    expect(allWithin(runs(0, [3, 1], [4, 3]), some)).toBe(false);
    expect(allWithin(runs(0, [1, 2]), some)).toBe(false);
  });
});
