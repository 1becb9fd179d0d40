import { createMetrics, createTestClock } from '@milena/runtime';
import { createLedgerWatch } from '../src/ledger-watch.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const MINUTE = 60_000;

test('silent deliveries of the hour before the last ten minutes are shown, and nothing while the history is away', async () => {
  const clock = createTestClock(100 * MINUTE);
  const metrics = createMetrics();
  const asked: { since: number; until: number }[] = [];
  let answer: () => Promise<number> = () => Promise.resolve(2);
  const watch = createLedgerWatch({
    countSilent: (accepted) => {
      asked.push(accepted);
      return answer();
    },
    metrics,
    clock,
  });
  const shown = async () => (await metrics.ledgerImbalance.get()).values.map(({ value }) => value);

  expect(await shown()).toEqual([]);
  void watch.start();
  await turn();
  expect(asked).toEqual([{ since: 30 * MINUTE, until: 90 * MINUTE }]);
  expect(await shown()).toEqual([2]);

  answer = () => Promise.reject(new Error('away'));
  clock.advance(MINUTE);
  await turn();
  expect(await shown()).toEqual([]);

  answer = () => Promise.resolve(0);
  clock.advance(MINUTE);
  await turn();
  expect(await shown()).toEqual([0]);
  void watch.stop();
  expect(clock.nextTimerAt()).toBeNull();
});
