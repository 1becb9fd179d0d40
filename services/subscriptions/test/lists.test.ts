import { newId } from '@milena/domain';
import { startApi, type Api } from './support/api.ts';
import { attemptView, deliveryView, eventRow, ids } from './support/fakes.ts';

let api: Api;
let id: string;
beforeAll(async () => {
  api = await startApi();
  ({ id } = await api.subscribe());
  api.attempts.stored.push(attemptView());
  api.deliveries.views.set(ids.delivery, deliveryView());
});
afterAll(() => api.stop());

const RANGE = 'since=2026-01-01T00:00:00Z&until=2026-01-01T01:00:00%2B01:00';
const since = Date.UTC(2026, 0, 1);

describe('filters', () => {
  test('reach the reader as they were meant', async () => {
    const to = '2026-01-01T02:00:00.5%2B01:00';
    const range = `since=2026-01-01T00:00:00Z&until=${to}`;
    const until = since + 3_600_500;
    await api.call('GET', `/api/v1/subscriptions/${id}/attempts?outcome=failure&event_type=a.b&${range}`);
    expect(api.attempts.searches.at(-1)).toEqual({
      subscription_id: id,
      outcome: 'failure',
      event_type: 'a.b',
      since,
      until,
    });
    await api.call('GET', `/api/v1/attempts?tenant_id=t&subscription_id=${id}&${range}`);
    expect(api.attempts.searches.at(-1)).toEqual({ tenant_id: 't', subscription_id: id, since, until });
    const page = await api.call('GET', `/api/v1/subscriptions/${id}/deliveries?status=filtered&${range}`);
    expect(api.deliveries.filters.at(-1)).toEqual({ subscription_id: id, status: 'filtered', since, until });
    expect(page.body.data[0]).toMatchObject({ id: ids.delivery, status: 'queued' });
  });

  test('a plus sign that arrived as a blank is understood', async () => {
    const { status } = await api.call('GET', '/api/v1/attempts?since=2026-01-01t01:00:00+01:00');
    expect([status, api.attempts.searches.at(-1)]).toEqual([200, { since }]);
  });

  const paths = [
    `/api/v1/attempts`,
    `/api/v1/dead-letters`,
    `/api/v1/stats`,
    `/api/v1/stats/ledger`,
    `/api/v1/subscriptions/{id}/attempts`,
    `/api/v1/subscriptions/{id}/deliveries`,
    `/api/v1/subscriptions/{id}/stats`,
  ];
  test.each(paths)('%s refuses times that are none, and ranges that are empty', async (path) => {
    for (const query of [
      'since=15m',
      'since=1767225600',
      'since=2026-02-30T00:00:00Z',
      'since=2026-01-01',
      'until=',
      'since=1969-12-31T23:59:59Z',
      'until=9999-12-31T23:59:59Z',
      RANGE,
      'since=2026-01-01T00:00:00Z&since=2026-01-02T00:00:00Z',
    ]) {
      const { status, body } = await api.call('GET', `${path.replace('{id}', id)}?${query}`);
      expect([query, status, body.errors.length > 0]).toEqual([query, 400, true]);
    }
  });

  test.each([...paths, '/api/v1/subscriptions', '/api/v1/event-types', '/api/v1/attempts/stream'])(
    '%s names a parameter it does not know',
    async (path) => {
      const { status, body } = await api.call('GET', `${path.replace('{id}', id)}?stauts=open`);
      expect([status, body.errors[0].path]).toEqual([400, 'stauts']);
    },
  );
});

describe('pages', () => {
  const lists = [
    '/api/v1/subscriptions',
    '/api/v1/attempts',
    '/api/v1/dead-letters',
    '/api/v1/subscriptions/{id}/attempts',
    '/api/v1/subscriptions/{id}/deliveries',
  ];
  const cursors = ['garbage', '%00', 'é', '[]', Buffer.from('1/x').toString('base64url'), 'x'.repeat(1001)];

  test.each(lists)('%s refuses cursors that it never gave out', async (path) => {
    for (const cursor of [...cursors, '']) {
      const { status, body } = await api.call('GET', `${path.replace('{id}', id)}?cursor=${cursor}`);
      expect([cursor, status, body.errors[0].path]).toEqual([cursor, 400, 'cursor']);
    }
  });

  test.each(lists)('%s takes limits from 1 to 100', async (path) => {
    for (const limit of ['0', '101', '-1', '1.5', 'x', '', '1e400', '5&limit=6']) {
      const { status, body } = await api.call('GET', `${path.replace('{id}', id)}?limit=${limit}`);
      expect([limit, status, body.errors[0].path]).toEqual([limit, 400, 'limit']);
    }
    for (const limit of ['1', '100']) {
      expect((await api.call('GET', `${path.replace('{id}', id)}?limit=${limit}`)).status).toBe(200);
    }
  });
});

describe('dead letters', () => {
  test('are listed by filter, read, and discarded once', async () => {
    const nowMs = Date.now();
    const letters = [1, 2, 3].map((n) => ({
      ...eventRow({ delivery_id: newId(nowMs - n), subscription_id: id }),
      status: 'open' as const,
      reason: 'Six attempts failed.',
      attempts: 6,
      target_url: n === 2 ? 'https://example.com/other' : null,
      dead_lettered_at: nowMs - n,
    }));
    await api.deadLetters.insert(letters);
    const [first] = letters;
    const discarded = await api.call('POST', `/api/v1/dead-letters/${first!.delivery_id}/discard`);
    expect([discarded.status, discarded.body.status]).toEqual([200, 'discarded']);
    const again = await api.call('POST', `/api/v1/dead-letters/${first!.delivery_id}/discard`);
    expect([again.status, again.body.detail]).toEqual([409, expect.stringContaining('discarded')]);
    const { body } = await api.call('GET', `/api/v1/dead-letters?subscription_id=${id}&status=open`);
    expect(body.data.map((letter: { id: string }) => letter.id)).toEqual(
      letters.slice(1).map((l) => l.delivery_id),
    );
    expect(body.data[0]).not.toHaveProperty('payload');
    expect(body.data.map((letter: { target_url: string | null }) => letter.target_url)).toEqual([
      'https://example.com/other',
      null,
    ]);
    const read = await api.call('GET', `/api/v1/dead-letters/${first!.delivery_id}`);
    expect(read.body).toEqual(discarded.body);
  });

  test('one that does not exist is 404', async () => {
    expect((await api.call('GET', `/api/v1/dead-letters/${ids.unknown}`)).status).toBe(404);
    expect((await api.call('POST', `/api/v1/dead-letters/${ids.unknown}/discard`)).status).toBe(404);
  });
});

describe('statistics', () => {
  test('per minute with success rates, of the last hour unless told', async () => {
    const { body } = await api.call('GET', `/api/v1/subscriptions/${id}/stats`);
    expect(Date.parse(body.until) - Date.parse(body.since)).toBe(3_600_000);
    expect(body).toMatchObject({
      subscription_id: id,
      success: 3,
      success_rate: 0.75,
      p95_ms: 20.5,
      p99_ms: null,
    });
    expect(body.minutes).toEqual([expect.objectContaining({ at: body.since, success_rate: 0.75 })]);
  });

  test('more than seven days per minute are refused', async () => {
    const { status } = await api.call(
      'GET',
      `/api/v1/subscriptions/${id}/stats?since=2026-01-01T00:00:00Z&until=2026-01-08T00:00:01Z`,
    );
    expect(status).toBe(400);
  });

  test('totals of the last day unless told', async () => {
    const { body } = await api.call('GET', '/api/v1/stats?tenant_id=t');
    expect(Date.parse(body.until) - Date.parse(body.since)).toBe(86_400_000);
    expect(body).toMatchObject({ events: 4, filtered: 1, success_rate: 0.75 });
    expect(api.stats.asked.at(-1)).toMatchObject({ tenant_id: 't' });
  });

  test('event types as far back as history is kept', async () => {
    const { body } = await api.call('GET', '/api/v1/event-types');
    const { since: asked, limit } = api.stats.asked.at(-1) as { since: number; limit: number };
    expect([Math.round((Date.now() - asked) / 3_600_000), limit]).toEqual([72, 100]);
    expect(body.data).toEqual([{ event_type: 'order.created', events: 4, last_seen: expect.any(String) }]);
  });
});
