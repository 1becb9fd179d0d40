import { decodeDelivery, decodeLogEntries, signHub, signStandard, timeOfId } from '@milena/domain';
import { DELIVERIES, DELIVERY_LOG } from '@milena/log';
import { live } from './fakes.ts';
import { KEY, READ_KEY, startIngest, until, type Ingest, type Options } from './harness.ts';

const ODD = Buffer.from(' {"b":1,   "a":12345678901234567890,\n"u":"\\u00e9 é", "b":2 }\n');
const SECRET = 'a secret of the sender';

describe('POST /ingest/{subscription_id}', () => {
  let ingest: Ingest;
  const start = async (options: Options = {}): Promise<Ingest> => {
    ingest = await startIngest(options);
    return ingest;
  };
  afterEach(() => ingest.stop());

  it('answers 202 with a queued delivery and appends the payload byte for byte', async () => {
    const sub = live();
    await start({ subscriptions: [sub] });
    const answer = await ingest.post(`/ingest/${sub.subscription.id}`, ODD, {
      'content-type': 'application/json; charset=utf-8',
      'x-event-type': 'order.created',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    expect(answer.status).toBe(202);
    expect(answer.body.status).toBe('queued');
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    const [record] = ingest.log.records();
    expect(record?.topic).toBe(DELIVERIES);
    expect(decodeDelivery(record!)).toEqual({
      delivery_id: answer.body.delivery_id,
      event_id: answer.body.event_id,
      tenant_id: 'default',
      subscription_id: sub.subscription.id,
      event_type: 'order.created',
      content_type: 'application/json; charset=utf-8',
      accepted_at: ingest.clock.now(),
      attempt: 1,
      due_at: null,
      deferrals: 0,
      may_repeat: false,
      replay_of: null,
      resumed_at: null,
      target_url: null,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      payload: ODD,
    });
    expect(timeOfId(answer.body.delivery_id)).toBe(ingest.clock.now());
    expect(await ingest.count('eventsAccepted', 'queued')).toBe(1);
    expect(ingest.lines).toContainEqual(
      expect.objectContaining({ event: 'event.accepted', event_id: answer.body.event_id }),
    );
  });

  it('is the same at /api/v1/ingest/{subscription_id}', async () => {
    const sub = live();
    await start({ subscriptions: [sub] });
    const answer = await ingest.post(`/api/v1/ingest/${sub.subscription.id}`, '3');
    expect(answer.status).toBe(202);
    expect(ingest.log.records()[0]?.value.toString()).toBe('3');
  });

  it('records an event whose type the subscription does not want as filtered, and delivers nothing', async () => {
    const sub = live({ event_types: ['invoice.*'] });
    await start({ subscriptions: [sub] });
    const answer = await ingest.post(`/ingest/${sub.subscription.id}?event_type=order.created`, ODD);
    expect(answer).toMatchObject({ status: 202, body: { delivery_id: null, status: 'filtered' } });
    const [record] = ingest.log.records();
    expect(record?.topic).toBe(DELIVERY_LOG);
    const entry = decodeLogEntries(record!)[0];
    expect(entry).toMatchObject({
      kind: 'disposition',
      disposition: { what: 'filtered', event_id: answer.body.event_id, subscription_id: sub.subscription.id },
    });
    const kept = entry?.kind === 'disposition' ? entry.event?.payload_base64 : undefined;
    expect(Buffer.from(kept ?? '', 'base64')).toEqual(ODD);
    expect(await ingest.count('eventsAccepted', 'filtered')).toBe(1);
  });

  it.each([
    ['GitHub', { 'x-github-event': 'pull_request' }, '{"type":"other"}', 'pull_request'],
    ['the body', {}, '{"type":"order.paid"}', 'order.paid'],
    ['nowhere', {}, '[1]', null],
  ])('takes the event type from %s', async (_where, headers, body, type) => {
    const sub = live();
    await start({ subscriptions: [sub] });
    await ingest.post(`/ingest/${sub.subscription.id}`, body, headers);
    expect(decodeDelivery(ingest.log.records()[0]!).event_type).toBe(type);
  });

  it.each([
    'nonsense',
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
  ])('drops the malformed traceparent %s', async (traceparent) => {
    const sub = live();
    await start({ subscriptions: [sub] });
    await ingest.post(`/ingest/${sub.subscription.id}`, '1', { traceparent });
    expect(decodeDelivery(ingest.log.records()[0]!).traceparent).toBeNull();
  });

  describe('with a secret', () => {
    const sub = live({}, [
      { value: SECRET, expires_at: null },
      { value: 'rotated', expires_at: Date.UTC(2026, 0, 1, 0, 0, 1) },
    ]);
    const path = `/ingest/${sub.subscription.id}`;

    it('takes a request that a valid secret signed, in either form', async () => {
      await start({ subscriptions: [sub] });
      const id = 'msg_1';
      const timestampS = ingest.clock.now() / 1000;
      const standard = {
        'webhook-id': id,
        'webhook-timestamp': String(timestampS),
        'webhook-signature': signStandard({ secret: SECRET, id, timestampS, payload: ODD }),
      };
      expect((await ingest.post(path, ODD, standard)).status).toBe(202);
      const hub = (secret: string) => ({ 'x-hub-signature-256': signHub(secret, ODD) });
      expect((await ingest.post(path, ODD, hub(SECRET))).status).toBe(202);
      expect((await ingest.post(path, ODD, hub('rotated'))).status).toBe(202);
      ingest.clock.advance(1000);
      expect((await ingest.post(path, ODD, hub('rotated'))).status).toBe(401);
    });

    it('refuses one that is not signed, or by another secret, with 401', async () => {
      await start({ subscriptions: [sub] });
      const unsigned = await ingest.post(path, ODD);
      expect(unsigned).toMatchObject({ status: 401, body: { type: 'urn:milena:problem:signature-invalid' } });
      expect(unsigned.headers.get('www-authenticate')).toContain('Bearer');
      const wrong = await ingest.post(path, ODD, { 'x-hub-signature-256': signHub('other', ODD) });
      expect(wrong.status).toBe(401);
      expect(ingest.log.records()).toEqual([]);
    });

    it('tells who sends again later that its own secret can not be read; a key that may ingest is enough then, too', async () => {
      const unreadable = live({}, null);
      await start({ subscriptions: [unreadable] });
      const to = `/ingest/${unreadable.subscription.id}`;
      for (const headers of [{}, { 'x-hub-signature-256': signHub(SECRET, ODD) }]) {
        const refused = await ingest.post(to, ODD, headers);
        expect(refused).toMatchObject({
          status: 503,
          body: { type: 'urn:milena:problem:secret-unreadable' },
        });
        expect(refused.headers.get('retry-after')).toBe('60');
      }
      expect((await ingest.post(to, ODD, { authorization: `Bearer ${KEY}` })).status).toBe(202);
    });

    it('takes an unsigned one with a key that may ingest', async () => {
      await start({ subscriptions: [sub] });
      expect((await ingest.post(path, ODD, { authorization: `Bearer ${KEY}` })).status).toBe(202);
    });

    it('refuses an unsigned one with a key that may not (403) or that is wrong (401)', async () => {
      await start({ subscriptions: [sub] });
      expect((await ingest.post(path, ODD, { authorization: `Bearer ${READ_KEY}` })).status).toBe(403);
      expect((await ingest.post(path, ODD, { authorization: 'Bearer wrong-key-0123456789' })).status).toBe(
        401,
      );
      expect(ingest.log.records()).toEqual([]);
    });

    it('still demands the signature where no key is configured', async () => {
      await start({ subscriptions: [sub], open: true });
      expect((await ingest.post(path, ODD)).status).toBe(401);
      expect((await ingest.post(path, ODD, { authorization: 'Bearer whatever-it-is-0123' })).status).toBe(
        401,
      );
    });
  });

  describe('refuses, and records nothing,', () => {
    const sub = live();
    const disabled = live({ enabled: false });
    const path = `/ingest/${sub.subscription.id}`;
    beforeEach(() => start({ subscriptions: [sub, disabled], maxPayloadBytes: 100 }));
    afterEach(() => {
      expect(ingest.log.records()).toEqual([]);
      expect(ingest.idempotency.rows.size).toBe(0);
    });

    it.each([
      ['an empty body', ''],
      ['half a value', '{"a":'],
      ['two values', '1 2'],
      ['a byte order mark', '\uFEFF{}'],
      ['bytes that are no UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22])],
    ])('%s with 400', async (_name, body) => {
      const answer = await ingest.post(path, body, { 'idempotency-key': 'k' });
      expect(answer).toMatchObject({ status: 400, body: { type: 'urn:milena:problem:invalid-json' } });
      expect(await ingest.count('ingestRefused', 'invalid-json')).toBe(1);
    });

    it('an event type that is none with 400 that says where it stands', async () => {
      const answer = await ingest.post(path, '{}', { 'x-event-type': 'a b' });
      expect(answer.status).toBe(400);
      expect(answer.body.detail).toContain('X-Event-Type');
      expect((await ingest.post(`${path}?event_type=*`, '{}')).body.detail).toContain('event_type');
    });

    it('an idempotency key that is too long with 400', async () => {
      expect((await ingest.post(path, '{}', { 'idempotency-key': 'k'.repeat(256) })).status).toBe(400);
    });

    it('an unknown subscription, and what is no id, with 404', async () => {
      expect((await ingest.post(`/ingest/${live().subscription.id}`, '{}')).status).toBe(404);
      expect((await ingest.post('/ingest/nonsense', '{}')).status).toBe(404);
    });

    it('a disabled subscription with 409', async () => {
      const answer = await ingest.post(`/ingest/${disabled.subscription.id}`, '{}', {
        'idempotency-key': 'k',
      });
      expect(answer).toMatchObject({
        status: 409,
        body: { type: 'urn:milena:problem:subscription-disabled' },
      });
    });

    it('a body above the limit with 413, and takes one of just that size', async () => {
      expect((await ingest.post(path, `"${'x'.repeat(99)}"`)).status).toBe(413);
      expect((await ingest.post(path, `"${'x'.repeat(98)}"`)).status).toBe(202);
      ingest.log.appends.length = 0;
    });

    it('another content type with 415', async () => {
      expect((await ingest.post(path, 'a=b', { 'content-type': 'text/plain' })).status).toBe(415);
    });

    it('everything with 503 and Retry-After while subscriptions can not be read', async () => {
      ingest.directory.fail(true);
      const answer = await ingest.post(path, '{}', { 'idempotency-key': 'k' });
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
    });

    it('everything with 503 and Retry-After while the log is down', async () => {
      ingest.log.fail(true);
      const answer = await ingest.post(path, '{}');
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(await ingest.count('ingestRefused', 'unavailable')).toBe(1);
      expect(await ingest.count('eventsAccepted', 'queued')).toBe(0);
    });
  });

  it('refuses with 503 what would wait beyond the backlog, and goes on when it is gone', async () => {
    const sub = live();
    await start({ subscriptions: [sub], maxBacklogBytes: 1 });
    const path = `/ingest/${sub.subscription.id}`;
    const letGo = ingest.log.hold();
    const first = ingest.post(path, '1');
    await until(() => ingest.log.started() === 1);
    const second = await ingest.post(path, '2');
    expect(second.status).toBe(503);
    letGo();
    expect((await first).status).toBe(202);
    expect((await ingest.post(path, '3')).status).toBe(202);
    expect(ingest.log.records().map((r) => r.value.toString())).toEqual(['1', '3']);
  });

  it('refuses above the ingest limit with 429 and says when to come again', async () => {
    const sub = live({ ingest_limit_per_s: 2 });
    const other = live({ ingest_limit_per_s: 2 });
    await start({ subscriptions: [sub, other] });
    const send = () => ingest.post(`/ingest/${sub.subscription.id}`, '{}', { 'idempotency-key': 'third' });
    await ingest.post(`/ingest/${sub.subscription.id}`, '{}');
    await ingest.post(`/ingest/${sub.subscription.id}`, '{}');
    const refused = await send();
    expect(refused).toMatchObject({ status: 429, body: { type: 'urn:milena:problem:rate-limited' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(ingest.idempotency.rows.size).toBe(0);
    expect((await ingest.post(`/ingest/${other.subscription.id}`, '{}')).status).toBe(202);
    ingest.clock.advance(1000);
    expect((await send()).status).toBe(202);
  });
});
