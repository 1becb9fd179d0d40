import http from 'k6/http';
import { settings } from './settings.ts';
import { type Expected, tell } from './tell.ts';

/** Subscriptions that events of a scenario go to, by turns. */
export type Subscriptions = string[];

export const tenant = `load-${settings.run}`;

const headers = {
  'content-type': 'application/json',
  ...(settings.key === '' ? {} : { authorization: `Bearer ${settings.key}` }),
};

/** A request to the management or query API, counted under `name`. */
export function manage(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  tags: { name: string; kind?: 'manage' | 'read' },
  body?: Record<string, unknown>,
  more: Record<string, string> = {},
) {
  const payload = body === undefined ? null : JSON.stringify(body);
  return http.request(method, `${settings.api}${path}`, payload, { headers: { ...headers, ...more }, tags });
}

/** @throws Error when it was not created */
export function subscribe(
  path: string,
  fields: { expected: Expected } & Record<string, unknown> = { expected: 'delivered' },
): string {
  const { expected, ...rest } = fields;
  const body = { target_url: `${settings.receiver}${path}`, tenant_id: tenant, max_in_flight: 64, ...rest };
  const reply = manage('POST', '/api/v1/subscriptions', { name: 'subscribe', kind: 'manage' }, body);
  if (reply.status !== 201) throw new Error(`no subscription: ${reply.status} ${JSON.stringify(reply.body)}`);
  const id = reply.json('id') as string;
  tell({ fact: 'subscription', id, expected });
  return id;
}

/** Subscriptions to endpoints that answer at once. */
export function subscribeMany(
  count = settings.subscriptions,
  fields: Record<string, unknown> = {},
): Subscriptions {
  return Array.from({ length: count }, () => subscribe('/ok', { expected: 'delivered', ...fields }));
}

/** Removes what a run made, unless somebody wants to look at it. */
export function cleanUp(...groups: Subscriptions[]): void {
  if (settings.keep) return;
  for (const id of groups.flat()) manage('DELETE', `/api/v1/subscriptions/${id}`, { name: 'unsubscribe' });
}
