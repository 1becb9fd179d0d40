// The same for long: what leaks, fills up or drifts shows after half an hour, not after half a minute.
import { number, seconds, steady, limits, thresholds } from './lib/settings.ts';

export { default, setup, teardown } from './load.ts';

const rate = number('RATE', 100);
const durationS = seconds('DURATION', '30m');

export const options = {
  ...limits,
  scenarios: { soak: steady(rate, durationS) },
  thresholds: thresholds(rate * durationS),
};
