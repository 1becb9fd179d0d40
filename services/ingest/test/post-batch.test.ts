import { decodeDelivery } from '@milena/domain';
import { live } from './fakes.ts';
import { READ_KEY, startIngest, type Ingest } from './harness.ts';

const PATH = '/api/v1/events/batch';
const ODD = '{"b":1,   "a":12345678901234567890,"u":"\\u00e9 é", "b":2}';

describe('POST /api/v1/events/batch', () => {
  const orders = live({ event_types: ['order.*'] });
  const acme = live({ tenant_id: 'acme' });
  let ingest: Ingest;
  beforeEach(async () => {
    ingest = await startIngest({ subscriptions: [orders, acme], maxPayloadBytes: 400_000 });
  });
  afterEach(() => ingest.stop());

  const payloads = (): string[] => ingest.log.records().map((record) => record.value.toString());

  it('answers one result per event, in order, and keeps the text of each payload', async () => {
    const body = `[
      {"event_type":"order.a", "payload": ${ODD} },
      {"payload":12345678901234567890,"event_type":"order.b","tenant_id":"default"},
      {"event_type":"x", "tenant_id":"acme", "payload":"\\u00e9 é" },
      {"event_type":"nobody.wants", "payload":null}
    ]`;
    const answer = await ingest.publish(PATH, body);
    expect(answer.status).toBe(202);
    expect(answer.body.results).toMatchObject([
      { deliveries: [{ subscription_id: orders.subscription.id }] },
      { deliveries: [{ subscription_id: orders.subscription.id }] },
      { deliveries: [{ subscription_id: acme.subscription.id }] },
      { deliveries: [] },
    ]);
    expect(payloads().slice(0, 3)).toEqual([ODD, '12345678901234567890', '"\\u00e9 é"']);
    const ids = answer.body.results.map((result: { event_id: string }) => result.event_id);
    expect(new Set(ids).size).toBe(4);
    expect(decodeDelivery(ingest.log.records()[1]!)).toMatchObject({
      event_id: ids[1],
      event_type: 'order.b',
    });
    expect(await ingest.count('eventsAccepted', 'queued')).toBe(3);
    expect(await ingest.count('eventsAccepted', 'filtered')).toBe(1);
  });

  it('takes X-Tenant-Id for the events that name no tenant', async () => {
    const body =
      '[{"event_type":"order.a","payload":1},{"event_type":"order.a","payload":2,"tenant_id":"default"}]';
    const answer = await ingest.publish(PATH, body, { 'x-tenant-id': 'acme' });
    expect(answer.body.results).toMatchObject([
      { deliveries: [{ subscription_id: acme.subscription.id }] },
      { deliveries: [{ subscription_id: orders.subscription.id }] },
    ]);
  });

  it('takes 1,000 events and any depth, in their order', async () => {
    const deep = '['.repeat(5000) + ']'.repeat(5000);
    const items = Array.from(
      { length: 1000 },
      (_, i) => `{"event_type":"order.a","payload":${i === 500 ? deep : i}}`,
    );
    const answer = await ingest.publish(PATH, `[${items.join(',')}]`);
    expect(answer.body.results).toHaveLength(1000);
    expect(payloads()).toEqual(Array.from({ length: 1000 }, (_, i) => (i === 500 ? deep : String(i))));
  });

  describe('refuses the whole, and accepts nothing,', () => {
    const good = '{"event_type":"order.a","payload":1}';
    afterEach(() => {
      expect(ingest.log.records()).toEqual([]);
    });

    it.each([
      ['what is not JSON', '[{]', 400, []],
      ['what is no array', '{"event_type":"a","payload":1}', 422, ['']],
      ['an empty batch', '[]', 422, ['']],
      ['1,001 events', `[${Array.from({ length: 1001 }, () => good).join(',')}]`, 422, ['']],
      ['an event that is no object', `[${good},7]`, 422, ['[1]']],
      ['an unknown field', `[${good},{"event_type":"a","payload":1,"foo":2}]`, 422, ['[1].foo']],
      ['an event without a type', `[{"payload":1}]`, 422, ['[0].event_type']],
      ['an event without a payload', `[${good},{"event_type":"a"}]`, 422, ['[1].payload']],
      [
        'several malformed events, naming each,',
        `[{"event_type":"a b","payload":1},${good},{"event_type":"a","payload":1,"tenant_id":"","idempotency_key":""}]`,
        422,
        ['[0].event_type', '[2].tenant_id', '[2].idempotency_key'],
      ],
      [
        'a key that a store can not hold',
        `[{"event_type":"a","payload":1,"idempotency_key":"a\\u0000"}]`,
        422,
        ['[0].idempotency_key'],
      ],
      [
        'a payload that is too large',
        `[{"event_type":"a","payload":"${'x'.repeat(400_000)}"}]`,
        422,
        ['[0].payload'],
      ],
    ])('%s', async (_name, body, status, paths) => {
      const answer = await ingest.publish(PATH, body);
      expect(answer.status).toBe(status);
      expect((answer.body.errors ?? []).map((error: { path: string }) => error.path)).toEqual(paths);
      expect(await ingest.count('ingestRefused', status === 400 ? 'invalid-json' : 'invalid-body')).toBe(1);
    });

    it('more than 16 MiB with 413', async () => {
      expect((await ingest.publish(PATH, Buffer.alloc(16 * 1024 * 1024 + 1, ' '))).status).toBe(413);
    });

    it('a caller without a key, or with one that may only read', async () => {
      expect((await ingest.post(PATH, `[${good}]`)).status).toBe(401);
      expect((await ingest.post(PATH, `[${good}]`, { authorization: `Bearer ${READ_KEY}` })).status).toBe(
        403,
      );
    });

    it('everything while subscriptions or the log can not be had, with 503', async () => {
      ingest.log.fail(true);
      const answer = await ingest.publish(PATH, `[${good},${good}]`);
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
      ingest.directory.fail(true);
      expect((await ingest.publish(PATH, `[${good}]`)).status).toBe(503);
    });
  });

  it('tells event by event when the log fails half-way, and does not try the rest', async () => {
    const large = `"${'x'.repeat(399_000)}"`;
    const items = Array.from({ length: 40 }, () => `{"event_type":"order.a","payload":${large}}`);
    ingest.log.failAfter(3);
    const answer = await ingest.publish(PATH, `[${items.join(',')}]`);
    expect(answer.status).toBe(202);
    const accepted = answer.body.results.filter((result: object) => 'event_id' in result);
    expect(accepted).toHaveLength(6);
    expect(ingest.log.records()).toHaveLength(6);
    expect(answer.body.results).toHaveLength(40);
    expect(answer.body.results.at(-1)).toEqual({
      error: {
        type: 'urn:milena:problem:unavailable',
        title: 'Service Unavailable',
        status: 503,
        detail: expect.stringContaining('log'),
      },
    });
    // Two events make an append, 22 make a slice: the second slice was never tried.
    expect(ingest.log.started()).toBe(11);
  });

  describe('with idempotency keys', () => {
    const item = (payload: string, key: string): string =>
      `{"event_type":"order.a","payload":${payload},"idempotency_key":"${key}"}`;

    it('accepts each key once: across requests, within one, and beside POST /api/v1/events', async () => {
      const first = await ingest.publish(PATH, `[${item('1', 'a')},${item('2', 'b')},${item('1', 'a')}]`);
      const [a, b, again] = first.body.results;
      expect(again).toEqual(a);
      expect(b).not.toEqual(a);
      const second = await ingest.publish(PATH, `[${item('2', 'b')},${item('3', 'c')}]`);
      expect(second.body.results[0]).toEqual(b);
      const single = await ingest.publish('/api/v1/events', '1', {
        'idempotency-key': 'a',
        'x-event-type': 'order.a',
      });
      expect(single.body).toEqual(a);
      expect(single.headers.get('idempotent-replayed')).toBe('true');
      expect(payloads()).toEqual(['1', '2', '3']);
    });

    it('refuses the same key with another payload in its own result only', async () => {
      const answer = await ingest.publish(PATH, `[${item('1', 'a')},${item('2', 'a')},${item('3', 'b')}]`);
      expect(answer.status).toBe(202);
      expect(answer.body.results[1]).toMatchObject({
        error: {
          type: 'urn:milena:problem:idempotency-conflict',
          title: 'Unprocessable Entity',
          status: 422,
        },
      });
      expect(payloads()).toEqual(['1', '3']);
      expect(await ingest.count('ingestRefused', 'idempotency-conflict')).toBe(1);
    });

    it('claims the keys of a batch in few round trips', async () => {
      const items = Array.from({ length: 400 }, (_, i) => item(String(i), `k${String(i)}`));
      await ingest.publish(PATH, `[${items.join(',')}]`);
      expect(ingest.idempotency.calls).toEqual([400]);
    });
  });
});
