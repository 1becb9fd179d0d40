import { quiesce } from '../src/kafka/quiesce.ts';

/** How often it was asked until it had enough. */
async function asked(underWay: (time: number) => number): Promise<number> {
  let times = 0;
  await quiesce(() => underWay(times++));
  return times;
}

test('with nothing under way there is nothing to wait for', async () => {
  expect(await asked(() => 0)).toBe(1);
});

test('as long as something ends it waits, and no longer than for the last', async () => {
  expect(await asked((time) => Math.max(0, 30 - time))).toBe(31);
});

test('what does not end is left', async () => {
  const startedAt = performance.now();
  await quiesce(() => 3);
  const took = performance.now() - startedAt;
  expect(took).toBeGreaterThanOrEqual(250);
  expect(took).toBeLessThan(900);
});

test('what goes on and on is left after two seconds', async () => {
  const startedAt = performance.now();
  await quiesce(() => 1_000_000 - performance.now());
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(2_000);
});
