import { assignPartitions } from '../src/assignment.ts';

const shares = (owners: (string | null)[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const owner of owners) counts[owner ?? 'nobody'] = (counts[owner ?? 'nobody'] ?? 0) + 1;
  return counts;
};
const moved = (before: (string | null)[], after: (string | null)[]): number =>
  before.filter((owner, n) => owner !== after[n]).length;
const none = (count: number): null[] => Array.from({ length: count }, () => null);

describe('assignment', () => {
  it('shares differ by one at most', () => {
    expect(shares(assignPartitions(none(12), ['a']))).toEqual({ a: 12 });
    expect(shares(assignPartitions(none(12), ['a', 'b', 'c', 'd', 'e']))).toEqual({
      a: 3,
      b: 3,
      c: 2,
      d: 2,
      e: 2,
    });
  });

  it('a newcomer gets its share and nothing else moves', () => {
    const two = assignPartitions(assignPartitions(none(12), ['a']), ['a', 'b']);
    const three = assignPartitions(two, ['a', 'b', 'c']);
    expect(shares(three)).toEqual({ a: 4, b: 4, c: 4 });
    expect(moved(two, three)).toBe(4);
  });

  it('when a member leaves, only its partitions move', () => {
    const three = assignPartitions(none(12), ['a', 'b', 'c']);
    const two = assignPartitions(three, ['a', 'c']);
    expect(shares(two)).toEqual({ a: 6, c: 6 });
    expect(moved(three, two)).toBe(4);
  });

  it('whoever already has more keeps the larger share', () => {
    const before = ['a', 'b', 'b'];
    expect(assignPartitions(before, ['a', 'b'])).toEqual(before);
  });

  it('more members than partitions: the rest get none; no members: nobody owns anything', () => {
    expect(assignPartitions(none(2), ['a', 'b', 'c'])).toEqual(['a', 'b']);
    expect(assignPartitions(['a', 'b'], [])).toEqual([null, null]);
  });
});
