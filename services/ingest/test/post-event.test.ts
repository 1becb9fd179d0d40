import { NO_ID, decodeDelivery, decodeLogEntries } from '@milena/domain';
import { DELIVERY_LOG } from '@milena/log';
import { live } from './fakes.ts';
import { READ_KEY, startIngest, type Ingest } from './harness.ts';

const ODD = Buffer.from('{"b":1,   "a":12345678901234567890,"u":"\\u00e9 é", "b":2}');
const PATH = '/api/v1/events';

describe('POST /api/v1/events', () => {
  const all = live();
  const orders = live({ event_types: ['order.*'] }, [{ value: 'a secret', expires_at: null }]);
  const invoices = live({ event_types: ['invoice.*'] });
  const acme = live({ tenant_id: 'acme', ingest_limit_per_s: 0.01 });
  let ingest: Ingest;
  beforeEach(async () => {
    ingest = await startIngest({ subscriptions: [all, orders, invoices, acme, live({ enabled: false })] });
  });
  afterEach(() => ingest.stop());

  it("gives one delivery to each of the tenant's subscriptions that want the type, in one append", async () => {
    const answer = await ingest.publish(PATH, ODD, { 'x-event-type': 'order.created' });
    expect(answer.status).toBe(202);
    const subscriptionsOf = (deliveries: { subscription_id: string }[]) =>
      deliveries.map((d) => d.subscription_id);
    expect(subscriptionsOf(answer.body.deliveries)).toEqual([all.subscription.id, orders.subscription.id]);
    expect(ingest.log.appends).toHaveLength(1);
    const deliveries = ingest.log.records().map(decodeDelivery);
    expect(subscriptionsOf(deliveries)).toEqual(subscriptionsOf(answer.body.deliveries));
    expect(deliveries.map((d) => d.delivery_id)).toEqual(
      answer.body.deliveries.map((d: { delivery_id: string }) => d.delivery_id),
    );
    for (const delivery of deliveries) {
      expect(delivery.event_id).toBe(answer.body.event_id);
      expect(delivery.payload).toEqual(ODD);
    }
  });

  it('records an event that nobody wants once, as filtered', async () => {
    const answer = await ingest.publish(`${PATH}?tenant_id=nobody&event_type=order.created`, ODD);
    expect(answer).toMatchObject({ status: 202, body: { deliveries: [] } });
    expect(ingest.log.records().map((r) => r.topic)).toEqual([DELIVERY_LOG]);
    expect(decodeLogEntries(ingest.log.records()[0]!)[0]).toMatchObject({
      disposition: {
        what: 'filtered',
        subscription_id: NO_ID,
        event_id: answer.body.event_id,
        tenant_id: 'nobody',
      },
    });
  });

  it('goes to the tenant of X-Tenant-Id or tenant_id, whatever ingest limits its subscriptions have', async () => {
    for (const [path, headers] of [
      [PATH, { 'x-tenant-id': 'acme' }],
      [`${PATH}?tenant_id=acme`, {}],
      [`${PATH}?tenant_id=other`, { 'x-tenant-id': 'acme' }],
    ] as const) {
      const answer = await ingest.publish(path, '1', headers);
      expect(answer.body.deliveries).toMatchObject([{ subscription_id: acme.subscription.id }]);
    }
  });

  it.each([
    ['without a key', {}, 401],
    ['with a key that may only read', { authorization: `Bearer ${READ_KEY}` }, 403],
  ])('is refused %s', async (_name, headers, status) => {
    expect((await ingest.post(PATH, '1', headers as Record<string, string>)).status).toBe(status);
    expect(ingest.log.records()).toEqual([]);
  });

  it.each([
    ['X-Tenant-Id', PATH, { 'x-tenant-id': 'a b' }],
    ['tenant_id', `${PATH}?tenant_id=`, {}],
    ['X-Event-Type', PATH, { 'x-event-type': '' }],
  ])('is refused with 400 when %s is malformed', async (name, path, headers) => {
    const answer = await ingest.publish(path, '1', headers);
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toContain(name);
    expect(ingest.log.records()).toEqual([]);
  });

  it('is refused with 400 when the query says a type twice', async () => {
    expect((await ingest.publish(`${PATH}?event_type=a&event_type=b`, '1')).status).toBe(400);
  });

  it('is refused with 503 while subscriptions or the log can not be had', async () => {
    ingest.directory.fail(true);
    expect((await ingest.publish(PATH, '1')).status).toBe(503);
    ingest.directory.fail(false);
    ingest.log.fail(true);
    expect((await ingest.publish(PATH, '1')).status).toBe(503);
    await expect(ingest.service.health()[0]?.check()).rejects.toThrow('down');
    ingest.log.fail(false);
    expect((await ingest.publish(PATH, '1')).status).toBe(202);
  });
});
