// The traffic of a usual day: a steady rate over healthy endpoints.
import { sendTo, warmUp } from './lib/send.ts';
import { limits, number, seconds, steady, thresholds } from './lib/settings.ts';
import { cleanUp, type Subscriptions, subscribeMany } from './lib/subscriptions.ts';

const rate = number('RATE', 100);
const durationS = seconds('DURATION', '30s');

export const options = {
  ...limits,
  scenarios: { load: steady(rate, durationS) },
  thresholds: thresholds(rate * durationS),
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
