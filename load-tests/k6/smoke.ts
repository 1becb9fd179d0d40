// Does it work at all: a few events a second, and for some of them what the API says of them.
import { check } from 'k6';
import exec from 'k6/execution';
import { sendTo, warmUp } from './lib/send.ts';
import { limits, number, seconds, steady, thresholds } from './lib/settings.ts';
import { cleanUp, manage, type Subscriptions, subscribeMany } from './lib/subscriptions.ts';

const rate = number('RATE', 20);
const durationS = seconds('DURATION', '10s');
/** One in so many events is looked up. */
const LOOK_UP = 10;

export const options = {
  ...limits,
  scenarios: { smoke: steady(rate, durationS) },
  thresholds: thresholds(rate * durationS),
};

export function setup(): Subscriptions {
  check(manage('GET', '/health', { name: 'health' }), { 'the API is up': ({ status }) => status === 200 });
  return warmUp(subscribeMany(5));
}

export default function (subscriptions: Subscriptions): void {
  const delivery = sendTo(subscriptions);
  if (delivery === null || exec.scenario.iterationInTest % LOOK_UP !== 0) return;
  const reply = manage('GET', `/api/v1/deliveries/${delivery}`, { name: 'delivery', kind: 'read' });
  check(reply, { 'a delivery is found from the moment its id is out': ({ status }) => status === 200 });
}

export function teardown(subscriptions: Subscriptions): void {
  cleanUp(subscriptions);
}
