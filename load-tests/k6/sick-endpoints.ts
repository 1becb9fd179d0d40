// Endpoints that hang, fail, reset and flap beside healthy ones: those must not notice. The verifier holds the healthy
// ones to the time within which their events have to arrive, and the sick ones to being accounted for.
import { sendTo, warmUp } from './lib/send.ts';
import { limits, number, seconds, steady, thresholds } from './lib/settings.ts';
import { cleanUp, type Subscriptions, subscribe, subscribeMany } from './lib/subscriptions.ts';

const rate = number('RATE', 100);
const durationS = seconds('DURATION', '30s');
/** Events for sick endpoints, for each event for a healthy one. */
const sick = number('SICK', 0.5);
const sickRate = Math.max(1, Math.round(rate * sick));

const SICK_PATHS = ['/slow?ms=60000', '/status/503', '/reset', '/flaky?p=0.5', '/drip', '/status/500'];

export const options = {
  ...limits,
  scenarios: {
    healthy: { ...steady(rate, durationS), exec: 'healthy' },
    sick: { ...steady(sickRate, durationS), exec: 'unhealthy' },
  },
  thresholds: thresholds((rate + sickRate) * durationS),
};

interface Endpoints {
  healthy: Subscriptions;
  sick: Subscriptions;
}

export function setup(): Endpoints {
  return {
    healthy: warmUp(subscribeMany()),
    sick: SICK_PATHS.map((path) => subscribe(path, { expected: 'any' })),
  };
}

export function healthy(endpoints: Endpoints): void {
  sendTo(endpoints.healthy);
}

export function unhealthy(endpoints: Endpoints): void {
  sendTo(endpoints.sick);
}

export function teardown(endpoints: Endpoints): void {
  cleanUp(endpoints.healthy, endpoints.sick);
}
