import { check } from 'k6';
import exec from 'k6/execution';
import http, { type RefinedResponse } from 'k6/http';
import { Counter, Rate } from 'k6/metrics';
import { settings } from './settings.ts';
import { type Subscriptions, tenant } from './subscriptions.ts';
import { tell } from './tell.ts';

const sent = new Counter('events_sent');
const accepted = new Counter('events_accepted');
const promised = new Counter('deliveries_promised');
const refused = new Rate('events_refused');
const unanswered = new Counter('events_unanswered');

const headers = {
  'content-type': 'application/json',
  'x-event-type': 'load.test',
  'x-tenant-id': tenant,
  ...(settings.key === '' ? {} : { authorization: `Bearer ${settings.key}` }),
};

interface Promised {
  delivery_id: string;
  subscription_id: string;
}

/** Names one event in this run and no other; the receiver reads it from the body. */
function nextKey(): string {
  return keyOf(exec.scenario.name, exec.scenario.iterationInTest);
}

function keyOf(phase: string, event: number): string {
  return `${settings.run}/${phase}/${event}`;
}

function bodyOf(key: string): string {
  const head = `{"key":"${key}","at":${Date.now()},"fill":"`;
  return `${head}${'x'.repeat(Math.max(0, settings.bytes - head.length - 2))}"}`;
}

/**
 * Posts one event and tells what came of it; the deliveries that the answer promised, or null when it was refused. Its time
 * counts under `name`.
 */
function post(
  url: string,
  read: (reply: RefinedResponse<'text'>) => Promised[],
  { key, name } = { key: nextKey(), name: 'ingest' },
): Promised[] | null {
  sent.add(1);
  const tags = { name };
  const reply = http.post(url, bodyOf(key), { headers, tags, responseType: 'text', timeout: '15s' });
  unanswered.add(reply.status === 0 ? 1 : 0);
  refused.add(reply.status !== 202 && reply.status !== 0);
  if (reply.status === 0) {
    tell({ fact: 'unanswered', key });
    return null;
  }
  check(reply, { 'accepted or refused for now': ({ status }) => [202, 429, 503].includes(status) });
  if (reply.status !== 202) {
    tell({ fact: 'refused', key, status: reply.status });
    return null;
  }
  accepted.add(1);
  const event_id = reply.json('event_id') as string;
  const deliveries = read(reply);
  promised.add(deliveries.length);
  for (const delivery of deliveries) tell({ fact: 'accepted', key, event_id, ...delivery });
  return deliveries;
}

/** One event to one of the subscriptions, by turns. */
export function sendTo(subscriptions: readonly string[]): string | null {
  return postTo(subscriptions, exec.scenario.iterationInTest);
}

function postTo(subscriptions: readonly string[], turn: number, as?: { key: string; name: string }) {
  const subscription_id = subscriptions[turn % subscriptions.length] ?? '';
  const promisedBy = (reply: RefinedResponse<'text'>): Promised[] => [
    { delivery_id: reply.json('delivery_id') as string, subscription_id },
  ];
  return post(`${settings.ingest}/ingest/${subscription_id}`, promisedBy, as)?.[0]?.delivery_id ?? null;
}

/**
 * For setup(): one event after the other for a while, so that a process that has just started has compiled its code and
 * opened its connections. They must arrive like all others; the times of their answers count for no threshold.
 */
export function warmUp(subscriptions: Subscriptions): Subscriptions {
  const until = Date.now() + settings.warmUpS * 1000;
  for (let event = 0; Date.now() < until; event += 1) {
    postTo(subscriptions, event, { key: keyOf('warm-up', event), name: 'warm-up' });
  }
  return subscriptions;
}

/** One event to every subscription of the tenant that wants it; how many deliveries that came to. */
export function fanOut(): number | null {
  const url = `${settings.ingest}/api/v1/events`;
  return post(url, (reply) => reply.json('deliveries') as unknown as Promised[])?.length ?? null;
}
