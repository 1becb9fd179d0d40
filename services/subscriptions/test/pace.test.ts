import { createTestClock } from '@milena/runtime';
import { createPace } from '../src/replays/pace.ts';

const signal = new AbortController().signal;

/** Lets time pass until the turn comes; resolves to how long that took, ms. */
async function waitFor(clock: ReturnType<typeof createTestClock>, turn: Promise<void>): Promise<number> {
  const begin = clock.now();
  const state = { came: false };
  void turn.then(() => (state.came = true));
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    if (state.came) return clock.now() - begin;
    clock.advance(1);
  }
}

function setUp(ratePerS: number) {
  const clock = createTestClock();
  const state = { waiting: 0 };
  const lag = () => Promise.resolve([{ topic: 'deliveries', records: state.waiting, partitions: [] }]);
  return { clock, state, pace: createPace({ clock, log: { lag } }, ratePerS) };
}

describe('the pace of a replay', () => {
  test.each([
    [20, 5],
    [200, 50],
    [10_000, 500],
    [0.1, 1],
  ])('at %d a second a batch is %d, and ten batches take as long as they should', async (rate, batch) => {
    const { clock, pace } = setUp(rate);
    expect(pace.batch).toBe(batch);
    let waited = 0;
    for (let n = 0; n < 10; n += 1) {
      waited += await waitFor(clock, pace.turn(signal));
      pace.went(batch);
    }
    // The first goes at once, and half a second may be made up for.
    const due = ((9 * batch) / rate) * 1000;
    expect(waited).toBeGreaterThanOrEqual(due - 500);
    expect(waited).toBeLessThanOrEqual(due + 10);
  });

  test('steps back while live traffic waits, for five seconds a batch at most', async () => {
    const { clock, state, pace } = setUp(10_000);
    state.waiting = 2001;
    const waited = await waitFor(clock, pace.turn(signal));
    expect(waited).toBeGreaterThanOrEqual(5000);
    expect(waited).toBeLessThanOrEqual(5250);
    state.waiting = 2000;
    pace.went(1);
    expect(await waitFor(clock, pace.turn(signal))).toBeLessThanOrEqual(1);
  });

  test('a stop ends every wait', async () => {
    const { clock, pace } = setUp(0.01);
    const stopping = new AbortController();
    pace.went(1);
    const turn = pace.turn(stopping.signal);
    stopping.abort();
    expect(await waitFor(clock, turn)).toBe(0);
  });

  test('tells how fast it was of late', () => {
    const { clock, pace } = setUp(200);
    pace.went(50);
    expect(pace.observed()).toBeNull();
    for (let n = 0; n < 20; n += 1) {
      clock.advance(500);
      pace.went(50);
    }
    expect(pace.observed()).toBeCloseTo(100);
  });
});
