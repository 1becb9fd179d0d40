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

test('time in which the process stood still is no time in which nothing ended', async () => {
  let left = 4;
  let asked = 0;
  await quiesce(() => {
    asked += 1;
    const until = performance.now() + (asked < 4 ? 300 : 0);
    while (performance.now() < until);
    return asked < 6 ? left : (left = 0);
  });
  expect(left).toBe(0);
});

test('what goes on and on is left after two seconds', async () => {
  const startedAt = performance.now();
  let left = 1_000_000;
  await quiesce(() => (left -= 1));
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(2_000);
});
