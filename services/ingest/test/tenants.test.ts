import { OPERATOR_SUBSCRIPTION_ID, OPERATOR_TENANT } from '@milena/domain';
import { breachesOf, triesOnForeignTenant } from '@milena/testing';
import { live } from './fakes.ts';
import { KEY, startIngest, TENANT_KEY, type Ingest } from './harness.ts';

describe('a key that is bound to a tenant', () => {
  const own = live({ tenant_id: 'shop-1' });
  const foreign = live({ tenant_id: 'shop-2' }, [{ value: 'a secret', expires_at: null }]);
  const other = { tenant_id: 'shop-2', ids: [foreign.subscription.id] };
  const bound = { authorization: `Bearer ${TENANT_KEY}` };
  let ingest: Ingest;
  beforeEach(async () => {
    ingest = await startIngest({ subscriptions: [own, foreign] });
  });
  afterEach(() => ingest.stop());

  const callWith =
    (key: string) =>
    async (_method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
      const answer = await ingest.post(path, JSON.stringify(body), {
        ...headers,
        authorization: `Bearer ${key}`,
      });
      return { status: answer.status, text: JSON.stringify(answer.body) };
    };

  it('gets 404 for whatever is of another, on every route of the document, and nothing is accepted', async () => {
    const { tries, without } = triesOnForeignTenant(ingest.document, other);
    expect(without.sort()).toEqual(['getHealth', 'getOpenApi', 'getReady']);
    expect(tries.length).toBeGreaterThanOrEqual(6);
    expect(await breachesOf(tries, other, callWith(TENANT_KEY))).toEqual([]);
    expect(ingest.log.records()).toEqual([]);
    for (const { method, path, body, headers } of tries) {
      expect((await callWith(KEY)(method, path, body, headers)).status).toBe(202);
    }
  });

  it('gets 404 for a subscription of another on the short path and the long one, as if it did not exist', async () => {
    for (const path of ['/ingest', '/api/v1/ingest']) {
      const answer = await ingest.post(`${path}/${foreign.subscription.id}`, '{}', bound);
      const nowhere = await ingest.post(`${path}/0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f`, '{}', bound);
      expect([answer.status, nowhere.status]).toEqual([404, 404]);
      expect({ ...answer.body, request_id: '' }).toEqual({ ...nowhere.body, request_id: '' });
    }
  });

  it('makes a batch fail as a whole that names another tenant once', async () => {
    const items = [{}, { tenant_id: 'shop-1' }, { tenant_id: 'shop-2' }].map((tenant) => ({
      event_type: 'a',
      payload: 1,
      ...tenant,
    }));
    expect((await ingest.post('/api/v1/events/batch', JSON.stringify(items), bound)).status).toBe(404);
    expect(ingest.log.records()).toEqual([]);
    const whole = await ingest.post('/api/v1/events/batch', JSON.stringify(items.slice(0, 2)), bound);
    expect(whole.status).toBe(202);
    expect(ingest.log.records()).toHaveLength(2);
  });

  it('sends to its own tenant, which it need not name', async () => {
    for (const headers of [bound, { ...bound, 'x-tenant-id': 'shop-1' }]) {
      const answer = await ingest.post('/api/v1/events', '{}', headers);
      expect(answer.body.deliveries).toMatchObject([{ subscription_id: own.subscription.id }]);
    }
    expect((await ingest.post(`/ingest/${own.subscription.id}`, '{}', bound)).status).toBe(202);
  });
});

it('the operator’s subscription takes events from nobody, on no path: they would pass for ours', async () => {
  const own = live({ id: OPERATOR_SUBSCRIPTION_ID, tenant_id: OPERATOR_TENANT });
  for (const options of [{ open: true }, {}]) {
    const ingest = await startIngest({ subscriptions: [own], ...options });
    const key = options.open === true ? {} : { authorization: `Bearer ${KEY}` };
    expect((await ingest.post(`/ingest/${OPERATOR_SUBSCRIPTION_ID}`, '{}', key)).status).toBe(404);
    const named = await ingest.post('/api/v1/events', '{}', { ...key, 'x-tenant-id': OPERATOR_TENANT });
    expect(named.status).toBe(400);
    const item = { tenant_id: OPERATOR_TENANT, event_type: 'a', payload: 1 };
    expect((await ingest.post('/api/v1/events/batch', JSON.stringify([item]), key)).status).toBe(422);
    expect(ingest.log.records()).toEqual([]);
    await ingest.stop();
  }
});
