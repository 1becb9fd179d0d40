import { randomBytes } from 'node:crypto';
import { newId } from '@milena/domain';
import {
  createAttemptReader,
  createDeliveryHistory,
  createHistoryWriter,
  createLedgerHistory,
  createStatsReader,
  migrateClickHouse,
  openClickHouse,
  type ClickHouse,
} from '@milena/stores/clickhouse';
import { insertsInto } from '@milena/testing';
import { startApi, type Api } from './support/api.ts';
import { attemptOf, eventRow } from './support/fakes.ts';

let api: Api;
let clickhouse: ClickHouse;
let history: ReturnType<typeof insertsInto>;
const database = `subscriptions_${randomBytes(4).toString('hex')}`;
beforeAll(async () => {
  const options = { url: process.env['TEST_CLICKHOUSE_URL'] ?? '', database };
  await migrateClickHouse(options, { retentionHours: 72 });
  clickhouse = openClickHouse(options);
  history = insertsInto(createHistoryWriter({ clickhouse }));
  const deliveries = createDeliveryHistory({ clickhouse });
  const attempts = createAttemptReader({ clickhouse });
  const stats = createStatsReader({ clickhouse });
  const ledger = createLedgerHistory({ clickhouse });
  api = await startApi({ history: { deliveries, attempts, stats }, ledger });
});
afterAll(async () => {
  await api.stop();
  await clickhouse.command(`DROP DATABASE ${database}`);
  await clickhouse.close();
});

/** An event of a new subscription that failed once and succeeded ten seconds later. */
async function deliver() {
  const { id } = await api.subscribe();
  const accepted_at = Date.now() - 30_000;
  const event = eventRow({
    delivery_id: newId(accepted_at),
    event_id: newId(accepted_at),
    subscription_id: id,
    accepted_at,
  });
  const failed = { outcome: 'failed_attempt', http_status: null, error_kind: 'timeout' } as const;
  await history.insertEvents([event]);
  await history.insertAttempts([
    attemptOf(event, {
      ...failed,
      error_detail: 'No answer in time.',
      next_attempt_at: accepted_at + 10_005,
    }),
    attemptOf(event, { attempt_number: 2, started_at: accepted_at + 10_010 }),
  ]);
  return { id, event };
}

test('what was recorded is what the API tells', async () => {
  const { id, event } = await deliver();
  const delivery = await api.call('GET', `/api/v1/deliveries/${event.delivery_id}`);
  expect(delivery.body).toMatchObject({
    id: event.delivery_id,
    status: 'delivered',
    attempts_made: 2,
    payload_bytes: event.payload.length,
    accepted_at: new Date(event.accepted_at).toISOString(),
    next_attempt_at: null,
  });
  expect(delivery.body.attempts.map((a: { outcome_label: string }) => a.outcome_label)).toEqual([
    'Success',
    'Failed Attempt',
  ]);
  const payload = await api.call('GET', `/api/v1/deliveries/${event.delivery_id}/payload`);
  expect(payload.bytes.equals(event.payload)).toBe(true);

  const path = `/api/v1/subscriptions/${id}`;
  const page = await api.call('GET', `${path}/attempts?limit=1`);
  const rest = await api.call('GET', `${path}/attempts?limit=1&cursor=${String(page.body.next_cursor)}`);
  expect([page.body.data[0].attempt_number, rest.body.data[0].attempt_number]).toEqual([2, 1]);
  const list = await api.call('GET', `${path}/deliveries?status=delivered&event_type=order.created`);
  expect(list.body.data).toHaveLength(1);
  const stats = await api.call('GET', `${path}/stats`);
  expect(stats.body).toMatchObject({ success: 1, failed_attempt: 1, failure: 0, success_rate: 0.5 });
  const totals = await api.call('GET', `/api/v1/stats?subscription_id=${id}`);
  expect(totals.body).toMatchObject({ events: 1, attempts: 2 });
  const ledger = await api.call('GET', `/api/v1/stats/ledger?subscription_id=${id}`);
  expect(ledger.body).toMatchObject({ accepted: 1, delivered: 1, unaccounted: 0, balanced: true });
  const types = await api.call('GET', '/api/v1/event-types');
  expect(types.body.data[0]).toMatchObject({ event_type: 'order.created' });
});

test.each([
  'ffffffff-ffff-7fff-bfff-ffffffffffff',
  '00000000-0000-7000-8000-000000000000',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
])('an id from another time or of no time is 404: %s', async (id) => {
  for (const path of ['', '/attempts', '/payload']) {
    expect((await api.call('GET', `/api/v1/deliveries/${id}${path}`)).status).toBe(404);
  }
  expect((await api.call('POST', `/api/v1/deliveries/${id}/retry`)).status).toBe(404);
  expect((await api.call('POST', `/api/v1/deliveries/${id}/cancel`)).status).toBe(404);
});

test('the ends of time are taken as ranges', async () => {
  const { id } = await api.subscribe();
  const range = 'since=1970-01-01T00:00:00Z&until=2199-12-31T23:59:59.999Z';
  const paths = [
    'attempts',
    'stats',
    'stats/ledger',
    'dead-letters',
    `subscriptions/${id}/attempts`,
    `subscriptions/${id}/deliveries`,
  ];
  for (const path of paths) expect((await api.call('GET', `/api/v1/${path}?${range}`)).status).toBe(200);
  expect((await api.call('GET', '/api/v1/event-types?since=1970-01-01T00:00:00Z')).status).toBe(200);
});

test('cursors and marks that were never given out are refused by the real store too', async () => {
  const { id } = await api.subscribe();
  const tampered = [
    'x',
    Buffer.from('12/34').toString('base64url'),
    Buffer.from(`-1/${id}`).toString('base64url'),
  ];
  for (const cursor of tampered) {
    for (const path of ['attempts', `subscriptions/${id}/attempts`, `subscriptions/${id}/deliveries`]) {
      expect((await api.call('GET', `/api/v1/${path}?cursor=${cursor}`)).status).toBe(400);
    }
    const stream = await api.call('GET', '/api/v1/attempts/stream', undefined, { 'last-event-id': cursor });
    expect(stream.status).toBe(400);
  }
});
