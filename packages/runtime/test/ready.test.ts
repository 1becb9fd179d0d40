import { createReadiness, createTestClock, takesWork, type ReadyCheck } from '../src/index.ts';

const up = (name: string, required = true): ReadyCheck => ({
  name,
  required,
  check: () => Promise.resolve(),
});
const down = (name: string, required = true): ReadyCheck => ({
  name,
  required,
  check: () => Promise.reject(new Error('refused')),
});

test.each([
  ['ready', true, [up('a'), up('b', false)]],
  ['degraded', true, [up('a'), down('b', false)]],
  ['unavailable', false, [down('a'), up('b', false)]],
  ['unavailable', false, [down('a'), down('b', false)]],
  ['ready', true, []],
])('the report is %s (takes work: %s) when its parts say so', async (status, works, checks) => {
  const report = await createReadiness(checks).report();
  expect([report.status, takesWork(report)]).toEqual([status, works]);
});

test('each dependency is told with status, latency and reason', async () => {
  const clock = createTestClock();
  const slow: ReadyCheck = {
    name: 'slow',
    required: true,
    check: () => {
      clock.advance(7);
      return Promise.resolve();
    },
  };
  expect((await createReadiness([slow, down('b')], { clock }).report()).checks).toEqual([
    { name: 'slow', required: true, status: 'up', latency_ms: 7 },
    { name: 'b', required: true, status: 'down', latency_ms: 0, error: 'refused' },
  ]);
});

test('a check that hangs, or throws at once, counts as down', async () => {
  const clock = createTestClock();
  const hanging: ReadyCheck = { name: 'h', required: true, check: () => new Promise(() => undefined) };
  const throwing: ReadyCheck = {
    name: 't',
    required: false,
    check: () => {
      throw new Error('at once');
    },
  };
  const report = createReadiness([hanging, throwing], { clock, timeoutMs: 500 }).report();
  clock.advance(500);
  expect((await report).checks).toEqual([
    { name: 'h', required: true, status: 'down', latency_ms: 500, error: 'no answer within 500 ms' },
    { name: 't', required: false, status: 'down', latency_ms: 0, error: 'at once' },
  ]);
  expect(clock.nextTimerAt()).toBeNull();
});

test('once dropped it says stopping, and asks nobody any more', async () => {
  let asked = 0;
  const check = (): Promise<void> => {
    asked += 1;
    return Promise.resolve();
  };
  const readiness = createReadiness([{ name: 'a', required: true, check }]);
  readiness.drop();
  const report = await readiness.report();
  expect([report, takesWork(report), asked]).toEqual([{ status: 'stopping', checks: [] }, false, 0]);
});
