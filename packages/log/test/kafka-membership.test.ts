import { keepMembership } from '../src/kafka/membership.ts';

/** A group's coordinator that knows some members, and what it was asked. */
function setUp(former: string | null, { known = [] as string[], leaves = false } = {}) {
  const asked: string[] = [];
  const coordinator = {
    joinGroup: ({ memberId }: { memberId: string }) => {
      asked.push(`join ${memberId}`);
      if (memberId !== '' && !known.includes(memberId))
        return Promise.reject(Object.assign(new Error('unknown'), { type: 'UNKNOWN_MEMBER_ID' }));
      return Promise.resolve({ memberId: memberId || 'new' });
    },
    leaveGroup: ({ memberId }: { memberId: string }) => {
      asked.push(`leave ${memberId}`);
      return Promise.resolve();
    },
  };
  const cluster = { findGroupCoordinator: () => Promise.resolve(coordinator) };
  keepMembership(cluster as unknown as Parameters<typeof keepMembership>[0], {
    former,
    leaves: () => leaves,
    joins: async () => {
      await Promise.resolve();
      asked.push('about to join');
    },
  });
  const join = async (memberId = ''): Promise<string> => {
    const found = await cluster.findGroupCoordinator();
    return (await found.joinGroup({ memberId })).memberId;
  };
  const leave = async (memberId: string): Promise<void> => {
    await (await cluster.findGroupCoordinator()).leaveGroup({ memberId });
  };
  return { asked, join, leave };
}

test('a consumer that takes the place of another joins under its name, once', async () => {
  const { asked, join } = setUp('old', { known: ['old'] });
  expect(await join()).toBe('old');
  expect(await join()).toBe('new');
  expect(asked).toEqual(['about to join', 'join old', 'about to join', 'join ']);
});

test('one that the group has given up joins as somebody new', async () => {
  const { asked, join } = setUp('old');
  await expect(join()).rejects.toMatchObject({ type: 'UNKNOWN_MEMBER_ID' });
  expect(await join()).toBe('new');
  expect(asked).toEqual(['about to join', 'join old', 'about to join', 'join ']);
});

test('a name that the consumer was given in the meantime is left alone', async () => {
  const { join } = setUp('old', { known: ['old', 'given'] });
  expect(await join('given')).toBe('given');
});

test('a goodbye is said only when it is meant', async () => {
  const broken = setUp(null);
  await broken.leave('me');
  expect(broken.asked).toEqual([]);
  const stopped = setUp(null, { leaves: true });
  await stopped.leave('me');
  expect(stopped.asked).toEqual(['leave me']);
});
