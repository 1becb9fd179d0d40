import { createHash } from 'node:crypto';
import { decodeDelivery, timeOfId } from '@milena/domain';
import { createTestClock } from '@milena/runtime';
import { createFakeIdempotency, live } from './fakes.ts';
import { startIngest, until, type Ingest, type Options } from './harness.ts';

describe('an idempotency key', () => {
  const sub = live();
  const path = `/ingest/${sub.subscription.id}`;
  const key = { 'idempotency-key': 'order-1' };
  const running: Ingest[] = [];
  const start = async (options: Options = {}): Promise<Ingest> => {
    const ingest = await startIngest({ subscriptions: [sub, live({ event_types: ['a'] })], ...options });
    running.push(ingest);
    return ingest;
  };
  afterEach(async () => {
    for (const ingest of running.splice(0)) await ingest.stop();
  });

  it('makes one event of 50 concurrent requests, which all get the same answer', async () => {
    const ingest = await start();
    const letGo = ingest.log.hold();
    const pending = Promise.all(Array.from({ length: 50 }, () => ingest.post(path, '{"a":1}', key)));
    await until(() => ingest.log.started() === 1);
    letGo();
    const answers = await pending;
    expect(ingest.log.records()).toHaveLength(1);
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 50 }, () => 202));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get('idempotent-replayed') === 'true')).toHaveLength(49);
    expect(await ingest.count('eventsAccepted', 'queued')).toBe(1);
  });

  it('makes one event of concurrent requests to two processes', async () => {
    const clock = createTestClock();
    const idempotency = createFakeIdempotency(clock);
    const [one, two] = [await start({ clock, idempotency }), await start({ clock, idempotency })];
    const letGo = one.log.hold();
    const first = one.post(path, '1', key);
    await until(() => one.log.started() === 1);
    const second = two.post(path, '1', key);
    await until(() => clock.nextTimerAt() !== null);
    letGo();
    const answer = await first;
    clock.advance(50);
    const repeated = await second;
    expect(repeated.body).toEqual(answer.body);
    expect(repeated.headers.get('idempotent-replayed')).toBe('true');
    expect([one.log.records().length, two.log.records().length]).toEqual([1, 0]);
  });

  it('is waited for five seconds while another process holds it, then answered 503 with Retry-After', async () => {
    const ingest = await start();
    await ingest.idempotency.claim([
      { scope: `subscription:${sub.subscription.id}`, key: 'order-1', request_hash: hashOf1 },
    ]);
    const pending = ingest.post(path, '1', key);
    let settled = false;
    void pending.then(() => (settled = true));
    const startedAt = ingest.clock.now();
    await until(() => {
      if (ingest.clock.nextTimerAt() !== null) ingest.clock.advance(50);
      return settled;
    });
    const answer = await pending;
    expect(answer).toMatchObject({ status: 503, body: { type: 'urn:milena:problem:idempotency-busy' } });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(ingest.clock.now() - startedAt).toBeGreaterThan(4000);
    expect(ingest.clock.now() - startedAt).toBeLessThanOrEqual(5000);
    expect(ingest.log.records()).toEqual([]);
  });

  it('keeps the ids of an event whose process died between append and answer', async () => {
    const clock = createTestClock();
    const idempotency = createFakeIdempotency(clock);
    const crashed = await start({ clock, idempotency });
    idempotency.complete = () => new Promise(() => undefined);
    void crashed.post(path, '1', key).catch(() => undefined);
    await until(() => crashed.log.records().length === 1);

    idempotency.complete = () => Promise.resolve();
    const next = await start({ clock, idempotency });
    clock.advance(10_001);
    const answer = await next.post(path, '1', key);
    expect(answer.status).toBe(202);
    const [before] = crashed.log.records().map(decodeDelivery);
    const [after] = next.log.records().map(decodeDelivery);
    expect(before).toMatchObject({ may_repeat: false });
    expect(after).toEqual({ ...before, may_repeat: true });
    expect(timeOfId(after!.delivery_id)).toBe(after!.accepted_at);
    expect(answer.body).toMatchObject({ event_id: before?.event_id, delivery_id: before?.delivery_id });
  });

  it('gives a fan-out the same delivery ids when it is done again', async () => {
    const clock = createTestClock();
    const idempotency = createFakeIdempotency(clock);
    const subscriptions = [live(), live()];
    const ingest = await start({ clock, idempotency, subscriptions });
    const { complete } = idempotency;
    idempotency.complete = () => Promise.reject(new Error('the store went away'));
    const first = await ingest.publish('/api/v1/events', '1', key);
    expect(first.status).toBe(202);
    expect(ingest.lines).toContainEqual(expect.objectContaining({ event: 'idempotency.complete_failed' }));
    idempotency.complete = complete;
    clock.advance(10_001);
    const second = await ingest.publish('/api/v1/events', '1', key);
    expect(second.body).toEqual(first.body);
    expect(new Set(second.body.deliveries.map((d: { delivery_id: string }) => d.delivery_id)).size).toBe(2);
  });

  it('is refused with 422 when it comes with another body or type, at once and later', async () => {
    const ingest = await start();
    const letGo = ingest.log.hold();
    const first = ingest.post(path, '1', key);
    await until(() => ingest.log.started() === 1);
    const during = await ingest.post(path, '2', key);
    letGo();
    expect((await first).status).toBe(202);
    const later = [
      await ingest.post(path, '1 ', key),
      await ingest.post(path, '1', { ...key, 'x-event-type': 'order.created' }),
    ];
    for (const answer of [during, ...later]) {
      expect(answer).toMatchObject({
        status: 422,
        body: { type: 'urn:milena:problem:idempotency-conflict' },
      });
    }
    expect(ingest.log.records()).toHaveLength(1);
  });

  it('is free again after a request that the log did not take', async () => {
    const ingest = await start();
    ingest.log.fail(true);
    expect((await ingest.post(path, '1', key)).status).toBe(503);
    ingest.log.fail(false);
    const answer = await ingest.post(path, '1', key);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    expect(ingest.log.records()).toHaveLength(1);
  });

  it('is refused with 503, and nothing is accepted, while keys can not be claimed', async () => {
    const ingest = await start();
    ingest.idempotency.fail(true);
    expect((await ingest.post(path, '1', key)).status).toBe(503);
    expect(ingest.log.records()).toEqual([]);
    expect((await ingest.post(path, '1')).status).toBe(202);
  });

  it('may be an incoming webhook-id, and Idempotency-Key goes before it', async () => {
    const ingest = await start();
    const first = await ingest.post(path, '1', { 'webhook-id': 'msg_1' });
    expect((await ingest.post(path, '1', { 'webhook-id': 'msg_1' })).body).toEqual(first.body);
    const other = await ingest.post(path, '1', { 'webhook-id': 'msg_1', 'idempotency-key': 'own' });
    expect(other.body).not.toEqual(first.body);
  });

  it('belongs to its subscription or tenant alone', async () => {
    const other = live();
    const acme = live({ tenant_id: 'acme' });
    const ingest = await start({ subscriptions: [sub, other, acme] });
    await ingest.post(path, '1', key);
    await ingest.post(`/ingest/${other.subscription.id}`, '2', key);
    await ingest.publish('/api/v1/events', '3', key);
    await ingest.publish('/api/v1/events?tenant_id=acme', '4', key);
    expect(ingest.log.records().map((r) => r.value.toString())).toEqual(['1', '2', '3', '3', '4']);
  });

  it('repeats the answer of a filtered event too', async () => {
    const filtered = live({ event_types: ['a'] });
    const ingest = await start({ subscriptions: [filtered] });
    const send = () => ingest.post(`/ingest/${filtered.subscription.id}`, '1', key);
    const first = await send();
    expect(first.body).toMatchObject({ delivery_id: null, status: 'filtered' });
    expect((await send()).body).toEqual(first.body);
    expect(ingest.log.records()).toHaveLength(1);
  });
});

/** SHA-256 of no type and the body `1`. */
const hashOf1 = createHash('sha256').update('\n1').digest('hex');
