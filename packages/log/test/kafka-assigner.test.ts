import { shareOut, type GroupMember } from '../src/kafka/assigner.ts';

const TOPICS = ['deliveries', 'deliveries.retry.10s'];
const member = (
  id: string,
  owned: readonly number[] = [],
  topics: readonly string[] = TOPICS,
): GroupMember => ({
  id,
  topics,
  owned,
});
/** The numbers of each member, by the first of its topics. */
const numbers = (shares: Map<string, Record<string, number[]>>): Record<string, number[]> =>
  Object.fromEntries([...shares].map(([id, topics]) => [id, Object.values(topics)[0] ?? []]));
/** The members with what they were given, as they come to the next share-out. */
const after = (shares: Map<string, Record<string, number[]>>): GroupMember[] =>
  Object.entries(numbers(shares)).map(([id, owned]) => member(id, owned));

describe('sharing out among the members of a group', () => {
  it('partition n of every topic goes to the same member, every number to exactly one', () => {
    const shares = shareOut([member('a'), member('b'), member('c')], 12);
    for (const topics of shares.values()) expect(topics[TOPICS[0]!]).toEqual(topics[TOPICS[1]!]);
    const all = Object.values(numbers(shares)).flat();
    expect(all.sort((x, y) => x - y)).toEqual(Array.from({ length: 12 }, (_, n) => n));
    expect(Object.values(numbers(shares)).map((share) => share.length)).toEqual([4, 4, 4]);
  });

  it('a newcomer takes its share and nothing else moves', () => {
    const before = shareOut([member('b'), member('c')], 12);
    const now = numbers(shareOut([...after(before), member('a')], 12));
    expect(now['a']).toHaveLength(4);
    for (const id of ['b', 'c']) {
      expect(numbers(before)[id]).toEqual(expect.arrayContaining(now[id]!));
      expect(now[id]).toHaveLength(4);
    }
  });

  it('when a member is gone only its partitions move', () => {
    const before = shareOut([member('a'), member('b'), member('c')], 12);
    const left = after(before).filter(({ id }) => id !== 'b');
    const now = numbers(shareOut(left, 12));
    for (const { id, owned } of left) expect(now[id]).toEqual(expect.arrayContaining([...owned]));
  });

  it('a member that comes back under another name keeps what it had', () => {
    const now = numbers(shareOut([member('a-2', [0, 1, 2]), member('b', [3, 4, 5])], 6));
    expect(now).toEqual({ 'a-2': [0, 1, 2], b: [3, 4, 5] });
  });

  it('two claims for one number, and claims of numbers that do not exist, end in one owner each', () => {
    const now = numbers(shareOut([member('a', [0, 1, 7]), member('b', [0, 1, 2, 3])], 4));
    expect(Object.values(now).flat().sort()).toEqual([0, 1, 2, 3]);
    expect(now['a']).toHaveLength(2);
  });

  it('while topics change, a member is given only topics that it subscribes to', () => {
    const shares = shareOut([member('old', [0, 1], ['deliveries']), member('new', [], TOPICS)], 2);
    expect(Object.keys(shares.get('old')!)).toEqual(['deliveries']);
    expect(shares.get('new')).toEqual({ deliveries: expect.anything(), [TOPICS[1]!]: expect.anything() });
  });

  it('the order in which members are listed changes nothing', () => {
    const members = [member('c', [4]), member('a', [1]), member('b')];
    expect(numbers(shareOut(members, 6))).toEqual(numbers(shareOut([...members].reverse(), 6)));
  });
});
