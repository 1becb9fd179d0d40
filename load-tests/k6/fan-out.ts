// One event, many subscriptions: each that wants the type gets it, no other does.
import { check } from 'k6';
import { fanOut, warmUp } from './lib/send.ts';
import { limits, number, seconds, steady, thresholds } from './lib/settings.ts';
import { cleanUp, type Subscriptions, subscribeMany } from './lib/subscriptions.ts';

const rate = number('RATE', 20);
const durationS = seconds('DURATION', '30s');
const width = number('FAN_OUT', 10);
const OTHERS = 5;

export const options = {
  ...limits,
  scenarios: { fan_out: steady(rate, durationS) },
  thresholds: thresholds(rate * durationS),
};

export function setup(): Subscriptions {
  return [
    ...warmUp(subscribeMany(width, { event_types: ['load.*'] })),
    ...subscribeMany(OTHERS, { event_types: ['other.*'] }),
  ];
}

export default function (): void {
  const deliveries = fanOut();
  if (deliveries === null) return;
  check(deliveries, { 'as many deliveries as subscriptions that want it': (count) => count === width });
}

export function teardown(subscriptions: Subscriptions): void {
  cleanUp(subscriptions);
}
