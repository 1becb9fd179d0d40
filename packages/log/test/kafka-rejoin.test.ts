import { setTimeout as wait } from 'node:timers/promises';
import { createRejoin } from '../src/kafka/rejoin.ts';

const PATIENCE_MS = 50;
/** For tests in which it must not run out. */
const LONG_MS = 60_000;

/** A rejoin beside some records under way, and what it did, in order. */
function setUp({ underWay = 0, patienceMs = PATIENCE_MS } = {}) {
  const did: string[] = [];
  const state = { underWay };
  const rejoin = createRejoin({
    holding: {
      suspend: (suspended) => did.push(suspended ? 'suspended' : 'went on'),
      underWay: () => state.underWay,
    },
    committer: {
      flush: () => {
        did.push(`committed with ${state.underWay} under way`);
        return Promise.resolve();
      },
    },
    patienceMs,
  });
  return { did, state, rejoin };
}

test('what is under way ends before the commit', async () => {
  const { did, state, rejoin } = setUp({ underWay: 3, patienceMs: LONG_MS });
  const ending = setInterval(() => (state.underWay = Math.max(0, state.underWay - 1)), 20);
  await rejoin.prepare();
  clearInterval(ending);
  rejoin.over();
  expect(did).toEqual(['suspended', 'committed with 0 under way']);
});

test('after a share-out what is suspended is left to whoever reads where the group is', async () => {
  const { did, rejoin } = setUp();
  await rejoin.prepare();
  rejoin.over();
  await wait(2 * PATIENCE_MS);
  expect(did).not.toContain('went on');
});

test('without a share-out it goes on, and the next one is prepared for as well', async () => {
  const { did, rejoin } = setUp();
  await rejoin.prepare();
  await wait(2 * PATIENCE_MS);
  const once = ['suspended', 'committed with 0 under way', 'went on'];
  expect(did).toEqual(once);
  await rejoin.prepare();
  await wait(2 * PATIENCE_MS);
  expect(did).toEqual([...once, ...once]);
});

test('two requests to join at once wait for the same', async () => {
  const { did, state, rejoin } = setUp({ underWay: 1, patienceMs: LONG_MS });
  const both = Promise.all([rejoin.prepare(), rejoin.prepare()]);
  state.underWay = 0;
  await both;
  rejoin.over();
  expect(did).toEqual(['suspended', 'committed with 0 under way']);
});
