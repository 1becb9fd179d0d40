import { createRounds, createTestClock } from '../src/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Rounds that end when told, with the time until the next. */
function setUp() {
  const clock = createTestClock();
  const ends: ((waitMs: number | null) => void)[] = [];
  const signals: AbortSignal[] = [];
  const rounds = createRounds(clock, (stopping) => {
    signals.push(stopping);
    return new Promise((resolve) => ends.push(resolve));
  });
  return { clock, ends, signals, rounds };
}

test('a round begins at once, the next the time it told after it ended, never two at a time, and none after a stop', async () => {
  const { clock, ends, rounds } = setUp();
  void rounds.start();
  expect(ends).toHaveLength(1);
  clock.advance(1000);
  expect(ends).toHaveLength(1);
  ends[0]!(100);
  await turn();
  clock.advance(99);
  expect(ends).toHaveLength(1);
  clock.advance(1);
  expect(ends).toHaveLength(2);
  void rounds.stop();
  ends[1]!(100);
  await turn();
  expect(clock.nextTimerAt()).toBeNull();
});

test('a start is over with the first round, and a round that tells no time is the last', async () => {
  const { clock, ends, rounds } = setUp();
  let started = false;
  void rounds.start().then(() => (started = true));
  await turn();
  expect(started).toBe(false);
  ends[0]!(null);
  await turn();
  expect(started).toBe(true);
  expect(clock.nextTimerAt()).toBeNull();
});

test('a stop tells the round under way, and waits for it', async () => {
  const { ends, signals, rounds } = setUp();
  void rounds.start();
  expect(signals[0]!.aborted).toBe(false);
  let stopped = false;
  void rounds.stop().then(() => (stopped = true));
  expect(signals[0]!.aborted).toBe(true);
  await turn();
  expect(stopped).toBe(false);
  ends[0]!(100);
  await turn();
  expect(stopped).toBe(true);
});
