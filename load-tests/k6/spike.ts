// Ten times the traffic all at once, and back. What can't be taken may be refused (set REFUSED), never lost.
import { sendTo, warmUp } from './lib/send.ts';
import { limits, number, seconds, thresholds, users } from './lib/settings.ts';
import { cleanUp, type Subscriptions, subscribeMany } from './lib/subscriptions.ts';

const rate = number('RATE', 50);
const peak = number('PEAK', rate * 10);
const durationS = seconds('DURATION', '30s');

/** Shares of the run: before, rising, at the peak, falling; the rest is after. */
const SHARES = { before: 0.3, edge: 0.05, peak: 0.25 };
const part = (share: number): string => `${Math.max(1, Math.round(durationS * share))}s`;

export const options = {
  ...limits,
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate' as const,
      startRate: rate,
      timeUnit: '1s',
      ...users(peak),
      stages: [
        { target: rate, duration: part(SHARES.before) },
        { target: peak, duration: part(SHARES.edge) },
        { target: peak, duration: part(SHARES.peak) },
        { target: rate, duration: part(SHARES.edge) },
        { target: rate, duration: part(1 - SHARES.before - 2 * SHARES.edge - SHARES.peak) },
      ],
      gracefulStop: '30s',
    },
  },
  thresholds: thresholds(durationS * (rate * (1 - SHARES.peak) + peak * SHARES.peak)),
};

export function setup(): Subscriptions {
  return warmUp(subscribeMany());
}

export default function (subscriptions: Subscriptions): void {
  sendTo(subscriptions);
}

export function teardown(subscriptions: Subscriptions): void {
  cleanUp(subscriptions);
}
