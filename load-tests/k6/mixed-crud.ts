// Operators and a console at work while events come in: subscriptions are made, changed, used and deleted, the history
// is read.
import { check } from 'k6';
import type { RefinedResponse, ResponseType } from 'k6/http';
import { sendTo, warmUp } from './lib/send.ts';
import { limits, number, seconds, steady, thresholds } from './lib/settings.ts';
import {
  cleanUp,
  manage,
  type Subscriptions,
  subscribe,
  subscribeMany,
  tenant,
} from './lib/subscriptions.ts';

const rate = number('RATE', 50);
const crudRate = number('CRUD_RATE', 3);
const readRate = number('READ_RATE', 6);
const durationS = seconds('DURATION', '30s');
const MANAGE_P95_MS = number('MANAGE_P95_MS', 250);
const READ_P95_MS = number('READ_P95_MS', 500);

export const options = {
  ...limits,
  scenarios: {
    events: { ...steady(rate, durationS), exec: 'events' },
    crud: { ...steady(crudRate, durationS), exec: 'crud' },
    reads: { ...steady(readRate, durationS), exec: 'reads' },
  },
  thresholds: thresholds((rate + crudRate + readRate) * durationS, {
    'http_req_duration{kind:manage}': [`p(95)<=${MANAGE_P95_MS}`],
    'http_req_duration{kind:read}': [`p(95)<=${READ_P95_MS}`],
  }),
};

export function setup(): Subscriptions {
  return warmUp(subscribeMany());
}

export function events(subscriptions: Subscriptions): void {
  sendTo(subscriptions);
}

function expect(reply: RefinedResponse<ResponseType>, what: string, status: number): void {
  check(reply, { [what]: (got) => got.status === status });
}

/** The life of one subscription. */
export function crud(): void {
  const kind = 'manage';
  const id = subscribe('/ok', { expected: 'ended', event_types: ['load.*'] });
  const path = `/api/v1/subscriptions/${id}`;
  const read = manage('GET', path, { name: 'subscription', kind });
  expect(read, 'a subscription is read', 200);
  const match = { 'if-match': read.headers['Etag'] ?? '*' };
  const patch = { description: 'changed' };
  expect(manage('PATCH', path, { name: 'change', kind }, patch, match), 'it is changed', 200);
  expect(manage('PATCH', path, { name: 'change', kind }, patch, match), 'not by who saw it before', 412);
  sendTo([id]);
  expect(manage('DELETE', path, { name: 'unsubscribe', kind }), 'it is deleted', 204);
  expect(manage('GET', path, { name: 'subscription', kind }), 'and gone', 404);
}

/** What a console asks for. */
export function reads(subscriptions: Subscriptions): void {
  const kind = 'read';
  const id = subscriptions[Math.floor(Math.random() * subscriptions.length)] ?? '';
  const paths = {
    subscriptions: `/api/v1/subscriptions?tenant_id=${tenant}&limit=20`,
    attempts: `/api/v1/subscriptions/${id}/attempts`,
    deliveries: `/api/v1/subscriptions/${id}/deliveries?status=delivered`,
    stats: `/api/v1/subscriptions/${id}/stats`,
  };
  for (const [name, path] of Object.entries(paths)) {
    expect(manage('GET', path, { name, kind }), `${name} are read`, 200);
  }
}

export function teardown(subscriptions: Subscriptions): void {
  cleanUp(subscriptions);
}
