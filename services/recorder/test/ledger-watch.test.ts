import { createMetrics, createTestClock } from '@milena/runtime';
import { createLedgerWatch } from '../src/ledger-watch.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const MINUTE = 60_000;

function setUp() {
  const clock = createTestClock(100 * MINUTE + 7);
  const metrics = createMetrics();
  /** Silent deliveries by the minute of their acceptance. */
  const silent = new Map<number, number>();
  const state = { away: false };
  const asked: [number, number][] = [];
  const watch = createLedgerWatch({
    countSilent: ({ since, until }) => {
      asked.push([since / MINUTE, until / MINUTE]);
      if (state.away) return Promise.reject(new Error('away'));
      const found = [...silent].map(([minute, count]): [number, number] => [minute * MINUTE, count]);
      return Promise.resolve(new Map(found.filter(([at]) => at >= since && at < until)));
    },
    metrics,
    clock,
  });
  return {
    ...{ clock, silent, state, watch },
    shown: async () => (await metrics.ledgerImbalance.get()).values.map(({ value }) => value),
    /** Ranges asked for since the last call, in minutes. */
    asked: () => asked.splice(0),
    minute: async () => {
      clock.advance(MINUTE);
      for (let n = 0; n < 5; n += 1) await turn();
    },
  };
}

test('silent deliveries of the hour before the last ten minutes are shown', async () => {
  const { watch, silent, shown, asked } = setUp();
  for (const minute of [29, 30, 89, 90]) silent.set(minute, 2);
  expect(await shown()).toEqual([]);
  await watch.start();
  expect(asked()).toEqual([[30, 90]]);
  expect(await shown()).toEqual([4]);
  await watch.stop();
});

test('after that it asks for the newest minute, for those that had some, and for the oldest', async () => {
  const { watch, silent, shown, asked, minute } = setUp();
  for (const at of [40, 50, 51]) silent.set(at, 3);
  await watch.start();
  asked();
  silent.set(40, 1);
  silent.delete(50);
  silent.set(90, 5);
  await minute();
  expect(asked()).toEqual([
    [31, 32],
    [40, 41],
    [50, 52],
    [90, 91],
  ]);
  expect(await shown()).toEqual([1 + 3 + 5]);
  silent.delete(51);
  silent.delete(90);
  // Recorded more than ten minutes late.
  silent.set(32, 7);
  await minute();
  expect(asked()).toEqual([
    [32, 33],
    [40, 41],
    [51, 52],
    [90, 92],
  ]);
  expect(await shown()).toEqual([1 + 7]);
  for (let n = 0; n < 9; n += 1) await minute();
  expect(await shown()).toEqual([0]);
  asked();
  await minute();
  expect(asked()).toEqual([
    [42, 43],
    [101, 102],
  ]);
  await watch.stop();
});

test('nothing is shown while the history is away, and what was missed is asked for afterwards', async () => {
  const { watch, clock, state, shown, asked, minute } = setUp();
  await watch.start();
  asked();
  state.away = true;
  for (let n = 0; n < 3; n += 1) await minute();
  expect(await shown()).toEqual([]);
  asked();
  state.away = false;
  await minute();
  expect(asked()).toEqual([
    [34, 35],
    [90, 94],
  ]);
  expect(await shown()).toEqual([0]);
  await watch.stop();
  expect(clock.nextTimerAt()).toBeNull();
});
