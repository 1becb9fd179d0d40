import { breachesOf, triesOnForeignTenant, type Call, type ForeignTenant } from '@milena/testing';
import { eventually } from './client.ts';
import type { StartSystem, System } from './system.ts';

const API_KEY = 'a-first-key-for-the-suite-of-tenants';
const SECRET = 'canary-secret-0123456789';
const CREDENTIAL = 'Bearer canary-of-the-endpoint';

interface Tenant extends ForeignTenant {
  key: string;
}

/** Two tenants on one system: what one has does not exist for the other's key, on any route of any API. */
export function tenants(name: string, start: StartSystem): void {
  let milena: System;

  beforeAll(async () => {
    milena = await start({ API_KEY, LOG_LEVEL: 'trace', RETRY_DELAYS: '200ms' });
  }, 90_000);
  afterAll(async () => {
    await milena.close();
  }, 60_000);

  const callWith =
    (base: string, key: string): Call =>
    async (method, path, body, headers = {}) => {
      const response = await fetch(base + path, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
          authorization: `Bearer ${key}`,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    };

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- replies of every shape
  async function made(call: Call, path: string, body?: object): Promise<any> {
    const { status, text } = await call('POST', path, body);
    if (status >= 300) throw new Error(`${path} → ${status} ${text}`);
    return JSON.parse(text);
  }

  /** One of everything, made with the tenant's own key. */
  async function fill(tenant_id: string): Promise<Tenant> {
    const admin = callWith(milena.api, API_KEY);
    const { id: keyId, key } = await made(admin, '/api/v1/api-keys', {
      name: 'suite',
      scopes: ['admin'],
      tenant_id,
    });
    const api = callWith(milena.api, key);
    const subscription = await made(api, '/api/v1/subscriptions', {
      target_url: `${milena.demo_receiver}/status/503`,
      secret: SECRET,
      headers: { authorization: CREDENTIAL },
    });
    const event = { event_type: `${tenant_id}.made`, payload: {} };
    const { results } = await made(callWith(milena.ingest, key), '/api/v1/events/batch', [event]);
    const [{ delivery_id }] = results[0].deliveries;
    await eventually(
      () => api('GET', `/api/v1/dead-letters/${delivery_id}`),
      ({ status }) => status === 200,
    );
    return { tenant_id, key, ids: [subscription.id, delivery_id, keyId, results[0].event_id] };
  }

  async function triesOn(base: string, foreign: ForeignTenant) {
    const document = (await (await fetch(`${base}/openapi.json`)).json()) as object;
    return triesOnForeignTenant(document, foreign);
  }

  describe(`tenants, ${name}`, () => {
    it('are nothing to each other: 404 with the other one’s ids everywhere, no list shows any, and no log or metric has a secret', async () => {
      const own = await fill('shop-1');
      const other = await fill('shop-2');
      for (const base of new Set([milena.api, milena.ingest])) {
        const { tries, without } = await triesOn(base, other);
        expect(without.sort()).toEqual(['getHealth', 'getOpenApi', 'getReady']);
        expect(await breachesOf(tries, other, callWith(base, own.key))).toEqual([]);
      }
      const list = await eventually(
        () => callWith(milena.api, other.key)('GET', '/api/v1/attempts'),
        ({ text }) => text.includes(other.ids[1]!),
      );

      const everything = milena.output() + (await milena.metrics()) + list.text;
      expect(everything).toContain('http.request');
      const hidden = [SECRET, CREDENTIAL, own.key, other.key, API_KEY, 'sha256=', 'v1,'];
      expect(hidden.filter((text) => everything.includes(text))).toEqual([]);
    }, 60_000);

    it('have keys that end everywhere within five seconds of being revoked', async () => {
      const { key, ids } = await fill('shop-3');
      const send = () => callWith(milena.ingest, key)('POST', '/api/v1/events', {});
      expect((await send()).status).toBe(202);
      const revoke = await callWith(milena.api, API_KEY)('DELETE', `/api/v1/api-keys/${ids[2] ?? ''}`);
      expect(revoke.status).toBe(204);
      await eventually(send, ({ status }) => status === 401, 5000);
    });
  });
}
