import { createMetrics, createTestClock } from '@milena/runtime';
import { createLagReporter } from '../src/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('the lag of a group is shown, renewed, and no longer shown while the log is away', async () => {
  const clock = createTestClock();
  const metrics = createMetrics();
  let lag: (() => number) | null = () => 5;
  const reporter = createLagReporter({
    log: {
      lag: (_, topics) =>
        lag
          ? Promise.resolve(topics.map((topic) => ({ topic, records: lag?.() ?? 0, partitions: [] })))
          : Promise.reject(new Error('away')),
    },
    group: 'g',
    topics: ['deliveries'],
    metrics,
    clock,
  });
  const shown = async (): Promise<unknown> =>
    (await metrics.consumerLag.get()).values.map(({ value }) => value);
  void reporter.start();
  await turn();
  expect(await shown()).toEqual([5]);
  lag = () => 7;
  clock.advance(15_000);
  await turn();
  expect(await shown()).toEqual([7]);
  lag = null;
  clock.advance(15_000);
  await turn();
  expect(await shown()).toEqual([]);
  lag = () => 1;
  clock.advance(15_000);
  await turn();
  expect(await shown()).toEqual([1]);
  void reporter.stop();
  expect(clock.nextTimerAt()).toBeNull();
});
