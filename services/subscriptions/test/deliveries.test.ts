import { decodeDelivery, decodeLogEntries, newId } from '@milena/domain';
import type { DeadLetter } from '@milena/stores';
import { startApi, type Api } from './support/api.ts';
import { attemptView, deliveryView, eventRow } from './support/fakes.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  api.log.records.length = 0;
  api.log.state.away = false;
  api.log.state.recorded = null;
  api.log.state.lettersWait = false;
});

const tick = () => new Promise((resolve) => setImmediate(resolve));

const old = (): string => newId(Date.now() - 60_000);

/** A recorded delivery of a new subscription. */
async function recorded(over: object = {}, subscription: object = {}) {
  const { id: subscription_id } = await api.subscribe(subscription);
  const delivery_id = old();
  const event_id = old();
  const ids = { delivery_id, event_id, subscription_id };
  api.deliveries.views.set(delivery_id, deliveryView({ ...ids, ...over }));
  const event = eventRow(ids);
  api.deliveries.events.set(delivery_id, event);
  return { ...ids, event };
}

function letterOf(event: ReturnType<typeof eventRow>): DeadLetter {
  const reason = 'Six attempts failed.';
  return { ...event, status: 'open', reason, attempts: 6, dead_lettered_at: Date.now() };
}

describe('reading a delivery', () => {
  test('it comes with all its attempts', async () => {
    const { delivery_id } = await recorded({ status: 'retrying', next_attempt_at: Date.UTC(2126, 0, 2) });
    api.attempts.stored.push(attemptView({ delivery_id }));
    const { status, body } = await api.call('GET', `/api/v1/deliveries/${delivery_id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: delivery_id,
      status: 'retrying',
      accepted_at: '2026-01-01T00:00:00.000Z',
      next_attempt_at: '2126-01-02T00:00:00.000Z',
      attempts: [expect.objectContaining({ outcome_label: 'Failed Attempt' })],
    });
    const list = await api.call('GET', `/api/v1/deliveries/${delivery_id}/attempts?limit=1`);
    expect(list.body.data).toHaveLength(1);
    api.attempts.stored.length = 0;
  });

  test('a time that has passed is none: only the first time that it was put off is stored', async () => {
    const { delivery_id } = await recorded({ status: 'retrying', next_attempt_at: Date.now() - 1000 });
    const { body } = await api.call('GET', `/api/v1/deliveries/${delivery_id}`);
    expect(body).toMatchObject({ status: 'retrying', next_attempt_at: null });
  });

  test('the payload is the bytes as received, with their own content type', async () => {
    const { delivery_id, event } = await recorded();
    const { bytes, headers } = await api.call('GET', `/api/v1/deliveries/${delivery_id}/payload`);
    expect(bytes.equals(event.payload)).toBe(true);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
  });

  test('one whose history is gone still has its payload while its dead letter is kept', async () => {
    const event = eventRow({ delivery_id: old() });
    await api.deadLetters.insert([letterOf(event)]);
    const { status, bytes } = await api.call('GET', `/api/v1/deliveries/${event.delivery_id}/payload`);
    expect([status, bytes.equals(event.payload)]).toEqual([200, true]);
  });

  test('right after its 202 it is waited for, not denied', async () => {
    const { id } = await api.subscribe();
    const sent = await api.call('POST', `/api/v1/subscriptions/${id}/test`);
    const delivery_id: string = sent.body.delivery_id;
    api.log.state.recorded = 0;
    const pending = api.call('GET', `/api/v1/deliveries/${delivery_id}`);
    const payload = api.call('GET', `/api/v1/deliveries/${delivery_id}/payload`);
    // Another request answered in between: both reads have looked once and found nothing.
    await api.call('GET', '/api/v1/subscriptions');
    api.deliveries.views.set(delivery_id, deliveryView({ delivery_id }));
    api.deliveries.events.set(delivery_id, eventRow({ delivery_id }));
    expect((await pending).status).toBe(200);
    expect((await payload).status).toBe(200);
  });

  describe.each(['', '/attempts', '/payload'])('one that nobody knows is, with %j at its end,', (path) => {
    const get = () => api.call('GET', `/api/v1/deliveries/${old()}${path}`);

    test('404 when everything is recorded', async () => {
      expect((await get()).status).toBe(404);
    });
    test('503 while the log is away: nobody can tell', async () => {
      api.log.state.away = true;
      const { status, headers } = await get();
      expect([status, Number(headers['retry-after']) > 0]).toEqual([503, true]);
    });
  });
});

describe('the test event', () => {
  test('goes the way of every event, whatever types are asked for', async () => {
    const { id } = await api.subscribe({ event_types: ['order.created'], tenant_id: 't1' });
    const { status, body } = await api.call('POST', `/api/v1/subscriptions/${id}/test`);
    expect([status, body.status]).toEqual([202, 'queued']);
    const [record] = api.log.records;
    expect(record?.topic).toBe('deliveries');
    const delivery = decodeDelivery(record!);
    expect(delivery).toMatchObject({
      delivery_id: body.delivery_id,
      event_id: body.event_id,
      subscription_id: id,
      tenant_id: 't1',
      event_type: 'milena.test',
      attempt: 1,
      due_at: null,
    });
    expect(JSON.parse(delivery.payload.toString())).toMatchObject({ type: 'milena.test' });
  });

  test('a disabled subscription is 409, a log that is away 503 with Retry-After', async () => {
    const { id } = await api.subscribe({ enabled: false });
    expect((await api.call('POST', `/api/v1/subscriptions/${id}/test`)).status).toBe(409);
    await api.call('PATCH', `/api/v1/subscriptions/${id}`, { enabled: true });
    api.log.state.away = true;
    const { status, headers } = await api.call('POST', `/api/v1/subscriptions/${id}/test`);
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(api.log.records).toEqual([]);
  });
});

describe('retrying', () => {
  test('a new delivery with the same event id, the same bytes and a mark of what it repeats', async () => {
    const { delivery_id, event_id, event, subscription_id } = await recorded({ status: 'failed' });
    const { status, body } = await api.call('POST', `/api/v1/deliveries/${delivery_id}/retry`);
    expect(status).toBe(202);
    expect(body).toEqual({
      delivery_id: expect.any(String),
      event_id,
      replay_of: delivery_id,
      status: 'queued',
    });
    expect(body.delivery_id).not.toBe(delivery_id);
    const delivery = decodeDelivery(api.log.records[0]!);
    expect(delivery.payload.equals(event.payload)).toBe(true);
    expect(delivery).toMatchObject({
      delivery_id: body.delivery_id,
      event_id,
      subscription_id,
      replay_of: delivery_id,
      attempt: 1,
      due_at: null,
      content_type: event.content_type,
      event_type: event.event_type,
      traceparent: event.traceparent,
    });
    expect(Date.now() - delivery.accepted_at).toBeLessThan(30_000);
  });

  test('an open dead letter is marked, and serves the payload that history dropped', async () => {
    const { delivery_id, event } = await recorded();
    api.deliveries.events.delete(delivery_id);
    await api.deadLetters.insert([letterOf(event)]);
    expect((await api.call('POST', `/api/v1/deliveries/${delivery_id}/retry`)).status).toBe(202);
    expect(decodeDelivery(api.log.records[0]!).payload.equals(event.payload)).toBe(true);
    const { body } = await api.call('GET', `/api/v1/dead-letters/${delivery_id}`);
    expect(body.status).toBe('replayed');
  });

  test.each(['history', 'its dead letter'])(
    'a copy sent to another URL goes there again, by %s',
    async (by) => {
      const target_url = 'https://staging.example.com/';
      const { delivery_id, event } = await recorded({ status: 'failed' });
      const copy = { ...event, target_url };
      api.deliveries.events.set(delivery_id, copy);
      if (by !== 'history') api.deliveries.events.delete(delivery_id);
      await api.deadLetters.insert([{ ...letterOf(copy), status: 'discarded' }]);
      expect((await api.call('POST', `/api/v1/deliveries/${delivery_id}/retry`)).status).toBe(202);
      expect(api.log.deliveries()).toMatchObject([{ target_url, replay_of: delivery_id }]);
    },
  );

  describe('while the recorder may have its dead letter yet to store', () => {
    const retries = () => api.log.deliveries().filter(({ replay_of }) => replay_of !== null);
    /** A delivery that failed, while dead letters wait for the recorder. */
    const behind = async () => {
      const one = await recorded({ status: 'failed' });
      await api.call('POST', `/api/v1/subscriptions/${one.subscription_id}/test`);
      api.log.state.lettersWait = true;
      return { ...one, path: `/api/v1/deliveries/${one.delivery_id}/retry` };
    };

    test('nothing is sent until it is there and can be marked', async () => {
      const { delivery_id, event, path } = await behind();
      const retry = api.call('POST', path);
      const read = api.call('GET', `/api/v1/dead-letters/${delivery_id}`);
      // Another request answered in between: both have looked once and found nothing.
      await api.call('GET', '/api/v1/subscriptions');
      expect(retries()).toEqual([]);
      await api.deadLetters.insert([letterOf(event)]);
      expect([(await retry).status, (await read).status]).toEqual([202, 200]);
      const { body } = await api.call('GET', `/api/v1/dead-letters/${delivery_id}`);
      expect([body.status, retries().length]).toEqual(['replayed', 1]);
    });

    test('to discard it waits until it is there', async () => {
      const { delivery_id, event } = await behind();
      const discard = api.call('POST', `/api/v1/dead-letters/${delivery_id}/discard`);
      await api.call('GET', '/api/v1/subscriptions');
      await api.deadLetters.insert([letterOf(event)]);
      expect(await discard).toMatchObject({ status: 200, body: { status: 'discarded' } });
    });

    test('nothing is sent for a client that has gone', async () => {
      const { path } = await behind();
      const client = new AbortController();
      const retry = fetch(api.url + path, { method: 'POST', signal: client.signal }).catch(() => 'gone');
      await api.call('GET', '/api/v1/subscriptions');
      client.abort();
      expect(await retry).toBe('gone');
      while (!api.lines.some((line) => line.includes('"http.request"') && line.includes(path))) await tick();
      expect(retries()).toEqual([]);
    });
  });

  test('a dead letter stays open when the log did not take the retry', async () => {
    const { delivery_id, event } = await recorded();
    await api.deadLetters.insert([letterOf(event)]);
    api.log.state.away = true;
    expect((await api.call('POST', `/api/v1/deliveries/${delivery_id}/retry`)).status).toBe(503);
    const { body } = await api.call('GET', `/api/v1/dead-letters/${delivery_id}`);
    expect(body.status).toBe('open');
  });

  test('nothing is sent to a subscription that is disabled or gone', async () => {
    const { delivery_id, subscription_id } = await recorded({}, { enabled: false });
    expect((await api.call('POST', `/api/v1/deliveries/${delivery_id}/retry`)).status).toBe(409);
    await api.call('DELETE', `/api/v1/subscriptions/${subscription_id}`);
    expect((await api.call('POST', `/api/v1/deliveries/${delivery_id}/retry`)).status).toBe(409);
    expect((await api.call('POST', `/api/v1/deliveries/${old()}/retry`)).status).toBe(404);
    expect(api.log.records).toEqual([]);
  });
});

describe('cancelling', () => {
  test.each(['queued', 'retrying'] as const)(
    'one that is %s ends, for the worker and in history',
    async (status) => {
      const { delivery_id, subscription_id } = await recorded({ status });
      const answer = await api.call('POST', `/api/v1/deliveries/${delivery_id}/cancel`);
      expect(answer.status).toBe(202);
      expect(answer.body).toMatchObject({ id: delivery_id, status: 'cancelled', next_attempt_at: null });
      expect((await api.live.load(subscription_id))?.cancelled.has(delivery_id)).toBe(true);
      expect(api.invalidated.at(-1)).toBe(subscription_id);
      const [record] = api.log.records;
      expect(record).toMatchObject({ topic: 'delivery-log', key: subscription_id });
      expect(decodeLogEntries(record!)[0]).toMatchObject({
        kind: 'disposition',
        disposition: { delivery_id, what: 'cancelled', subscription_id },
      });
    },
  );

  test.each(['delivered', 'failed', 'expired', 'cancelled', 'filtered'] as const)(
    'one that is %s already is 409 and says so',
    async (status) => {
      const { delivery_id } = await recorded({ status });
      const answer = await api.call('POST', `/api/v1/deliveries/${delivery_id}/cancel`);
      expect(answer.status).toBe(409);
      expect(answer.body.detail).toContain(status);
      expect(api.log.records).toEqual([]);
    },
  );

  test('a cancellation whose record the log did not take can be repeated', async () => {
    const { delivery_id } = await recorded();
    api.log.state.away = true;
    expect((await api.call('POST', `/api/v1/deliveries/${delivery_id}/cancel`)).status).toBe(503);
    api.log.state.away = false;
    expect((await api.call('POST', `/api/v1/deliveries/${delivery_id}/cancel`)).status).toBe(202);
    expect(api.log.records).toHaveLength(1);
  });
});
