import { createRepeating, createTestClock } from '../src/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('work begins at once, again an interval after it ended, never twice at a time, and not after a stop', async () => {
  const clock = createTestClock();
  const ends: (() => void)[] = [];
  const repeating = createRepeating({
    clock,
    intervalMs: 100,
    work: () => new Promise((resolve) => ends.push(resolve)),
  });
  repeating.start();
  expect(ends).toHaveLength(1);
  clock.advance(1000);
  expect(ends).toHaveLength(1);
  ends[0]!();
  await turn();
  clock.advance(99);
  expect(ends).toHaveLength(1);
  clock.advance(1);
  expect(ends).toHaveLength(2);
  repeating.stop();
  ends[1]!();
  await turn();
  expect(clock.nextTimerAt()).toBeNull();
});
