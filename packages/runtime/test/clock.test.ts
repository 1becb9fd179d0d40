import { createTestClock, sleep } from '@milena/runtime';

describe('test clock', () => {
  it('fires timers in order of their due time, also those that a timer set', () => {
    const clock = createTestClock(0);
    const fired: string[] = [];
    clock.after(20, () => fired.push('b'));
    clock.after(10, () => {
      fired.push('a');
      clock.after(5, () => fired.push('a2'));
    });
    clock.advance(19);
    expect(fired).toEqual(['a', 'a2']);
    expect(clock.now()).toBe(19);
    expect(clock.nextTimerAt()).toBe(20);
    clock.advance(1);
    expect(fired).toEqual(['a', 'a2', 'b']);
  });

  it('never fires a cancelled timer', () => {
    const clock = createTestClock(0);
    const task = jest.fn();
    const cancel = clock.after(10, task);
    cancel();
    clock.advance(100);
    expect(task).not.toHaveBeenCalled();
  });

  it('lets sleepers go on when their time has come', async () => {
    const clock = createTestClock(0);
    const done = sleep(clock, 1000);
    clock.advance(1000);
    await expect(done).resolves.toBeUndefined();
  });
});
