import { check } from 'k6';
import exec from 'k6/execution';
import http, { type RefinedResponse } from 'k6/http';
import { Counter, Rate } from 'k6/metrics';
import { settings } from './settings.ts';
import { tenant } from './subscriptions.ts';
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
  return `${settings.run}/${exec.scenario.name}/${exec.scenario.iterationInTest}`;
}

function bodyOf(key: string): string {
  const head = `{"key":"${key}","at":${Date.now()},"fill":"`;
  return `${head}${'x'.repeat(Math.max(0, settings.bytes - head.length - 2))}"}`;
}

/** Posts one event and tells what came of it; the deliveries that the answer promised, or null when it was refused. */
function post(url: string, read: (reply: RefinedResponse<'text'>) => Promised[]): Promised[] | null {
  const key = nextKey();
  sent.add(1);
  const tags = { name: 'ingest' };
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
  const subscription_id = subscriptions[exec.scenario.iterationInTest % subscriptions.length] ?? '';
  const deliveries = post(`${settings.ingest}/ingest/${subscription_id}`, (reply) => [
    { delivery_id: reply.json('delivery_id') as string, subscription_id },
  ]);
  return deliveries?.[0]?.delivery_id ?? null;
}

/** One event to every subscription of the tenant that wants it; how many deliveries that came to. */
export function fanOut(): number | null {
  const url = `${settings.ingest}/api/v1/events`;
  return post(url, (reply) => reply.json('deliveries') as unknown as Promised[])?.length ?? null;
}
