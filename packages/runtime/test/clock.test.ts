import { createTestClock, sleep, systemClock } from '../src/index.ts';

test('a test clock fires due timers in order of their due time, those set meanwhile included', () => {
  const clock = createTestClock(1000);
  const fired: [string, number][] = [];
  const note = (name: string) => () => fired.push([name, clock.now()]);
  clock.after(20, note('b'));
  clock.after(10, () => {
    note('a')();
    clock.after(5, note('a2'));
    clock.after(500, note('late'));
  });
  clock.after(-5, note('now'));
  clock.advance(100);
  expect(fired).toEqual([
    ['now', 1000],
    ['a', 1010],
    ['a2', 1015],
    ['b', 1020],
  ]);
  expect([clock.now(), clock.nextTimerAt()]).toEqual([1100, 1510]);
});

test('a cancelled timer never fires, and cancelling again does nothing', () => {
  const clock = createTestClock();
  let fired = false;
  const cancel = clock.after(10, () => {
    fired = true;
  });
  cancel();
  cancel();
  clock.advance(100);
  expect([fired, clock.nextTimerAt()]).toEqual([false, null]);
});

test('sleep resolves when its time has come, not before', async () => {
  const clock = createTestClock();
  let awake = false;
  const slept = sleep(clock, 50).then(() => {
    awake = true;
  });
  clock.advance(49);
  await Promise.resolve();
  expect(awake).toBe(false);
  clock.advance(1);
  await slept;
});

test('the system clock takes delays longer than Node’s timers do without firing at once', async () => {
  let early = false;
  const cancel = systemClock.after(2 ** 40, () => {
    early = true;
  });
  await sleep(systemClock, 10);
  expect(early).toBe(false);
  cancel();
});
