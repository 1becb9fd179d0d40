import type { TestClock } from '@milena/runtime';

/** Of real time: how often the stores answer meanwhile is up to them. */
const PATIENCE_MS = 25_000;

/** Until `look` shows it; the clock's time passes only while everything waits for its next round. */
export async function after(
  clock: TestClock,
  look: () => Promise<boolean> | boolean,
  stepMs = 50,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error('it never came');
    const waits = (clock.nextTimerAt() ?? Infinity) <= clock.now() + 2000;
    if (waits) clock.advance(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
