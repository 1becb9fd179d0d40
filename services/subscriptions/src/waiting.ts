import { timeOfId } from '@milena/domain';
import { sleep, type Clock } from '@milena/runtime';

/** The recorder lags by up to two seconds; older ids than this were recorded long ago, or never given out. */
const YOUNG_MS = 10_000;
const PATIENCE_MS = 3000;
const POLL_MS = 100;

/**
 * Reads what the recorder may not have stored yet: a delivery that was answered with 202 a moment ago is found, not
 * denied. An id's own time tells whether waiting can help; null after three seconds, or at once for an older id.
 */
export async function whenRecorded<T>(
  wait: { clock: Clock; deliveryId: string; signal: AbortSignal },
  read: () => Promise<T | null>,
): Promise<T | null> {
  const { clock, deliveryId, signal } = wait;
  const startedAt = clock.now();
  const madeAt = timeOfId(deliveryId);
  // Either way: the id may come from a process whose clock runs ahead.
  const mayAppear = madeAt !== null && Math.abs(startedAt - madeAt) < YOUNG_MS;
  let found = await read();
  while (found === null && mayAppear && !signal.aborted && clock.now() - startedAt < PATIENCE_MS) {
    await sleep(clock, POLL_MS);
    found = await read();
  }
  return found;
}
