import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from './clock.ts';
import type { Metrics } from './metrics.ts';

/** Each tick wakes the process: at 10 ms that was most of what an idle one cost. */
const RESOLUTION_MS = 25;
const SAMPLE_EVERY_MS = 1000;

/**
 * Once a second observes the longest time, in seconds, that the event loop was held up during it.
 * @returns stops the sampling
 */
export function sampleEventLoopLag(metrics: Pick<Metrics, 'eventLoopLag'>, clock: Clock): () => void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let cancel = (): void => undefined;
  const sample = (): void => {
    // The monitor reports the time between its ticks, of which the resolution itself is no delay.
    metrics.eventLoopLag.observe(Math.max(0, delays.max / 1e6 - RESOLUTION_MS) / 1000);
    delays.reset();
    cancel = clock.after(SAMPLE_EVERY_MS, sample);
  };
  cancel = clock.after(SAMPLE_EVERY_MS, sample);
  return () => {
    cancel();
    delays.disable();
  };
}
