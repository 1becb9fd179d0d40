import { decodeDelivery, OPERATOR_SUBSCRIPTION_ID, type SubscriptionNotice } from '@milena/domain';
import { createSsrfGuard } from '@milena/egress';
import type { LogRecord } from '@milena/log';
import { createLogger, createTestClock } from '@milena/runtime';
import { operatorEndpointOf } from '../src/operator/endpoint.ts';
import { createNotifier } from '../src/operator/notifier.ts';
import { startApi, type Api } from './support/api.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));
const ENDPOINT = { target_url: 'https://ops.example.com/hooks', secret: 'a secret of the operator' };
const PATH = `/api/v1/subscriptions/${OPERATOR_SUBSCRIPTION_ID}`;

describe('the operator’s subscription', () => {
  let api: Api;
  let bound: Record<string, string>;
  beforeAll(async () => {
    api = await startApi({ apiKey: 'a-first-key-for-tests', operatorEndpoint: ENDPOINT });
    await api.service.start();
    for (let n = 0; !api.invalidated.includes(OPERATOR_SUBSCRIPTION_ID) && n < 1000; n += 1)
      await api.pg.query('SELECT pg_sleep(0.01)');
    const scopes = ['admin'];
    const made = await api.call('POST', '/api/v1/api-keys', { name: 'shop', scopes, tenant_id: 'shop-1' });
    bound = { authorization: `Bearer ${made.body.key}` };
  });
  afterAll(() => api.stop());

  test('is shown to keys of no tenant, with its health and without its secret', async () => {
    const { status, body, bytes } = await api.call('GET', PATH);
    expect([status, body]).toMatchObject([
      200,
      { id: OPERATOR_SUBSCRIPTION_ID, tenant_id: '_operator', health: 'healthy', has_secret: true },
    ]);
    expect(bytes.toString()).not.toContain(ENDPOINT.secret);
    const list = await api.call('GET', '/api/v1/subscriptions');
    expect(list.body.data.map(({ id }: { id: string }) => id)).toContain(OPERATOR_SUBSCRIPTION_ID);
    expect(api.lines.join('')).not.toContain(ENDPOINT.secret);
  });

  const target_url = 'https://example.com/mine';
  test.each<[string, string, object | undefined]>([
    ['PUT', '', { target_url }],
    ['PATCH', '', { target_url }],
    ['PATCH', '', { enabled: false }],
    ['PATCH', '', { generate_secret: true }],
    ['DELETE', '', undefined],
    ['POST', '/secret/rotate', {}],
    ['POST', '/resume', { rate_per_s: 1 }],
  ])('is not changed by %s%s %j', async (method, path, body) => {
    const before = await api.live.load(OPERATOR_SUBSCRIPTION_ID);
    const answer = await api.call(method, PATH + path, body);
    expect([answer.status, answer.body.type]).toEqual([
      409,
      expect.stringContaining('operator-subscription'),
    ]);
    expect(await api.live.load(OPERATOR_SUBSCRIPTION_ID)).toEqual(before);
    const foreign = await api.call(method, PATH + path, body, bound);
    expect(foreign.status).toBe(404);
  });

  test('does not exist for a tenant, which can not be named like the operator’s either', async () => {
    expect((await api.call('GET', PATH, undefined, bound)).status).toBe(404);
    expect((await api.call('POST', `${PATH}/test`, undefined, bound)).status).toBe(404);
    const list = await api.call('GET', '/api/v1/subscriptions', undefined, bound);
    expect(list.body.data).toEqual([]);
    const key = { name: 'x', scopes: ['admin'], tenant_id: '_operator' };
    expect((await api.call('POST', '/api/v1/api-keys', key)).status).toBe(422);
    const mine = await api.call('POST', '/api/v1/subscriptions', { target_url, tenant_id: '_operator' });
    expect(mine.status).toBe(422);
  });

  test('takes a test event', async () => {
    expect((await api.call('POST', `${PATH}/test`)).status).toBe(202);
    expect(api.log.deliveries().at(-1)).toMatchObject({ event_type: 'milena.test', tenant_id: '_operator' });
  });
});

describe('the notifier', () => {
  const failing: SubscriptionNotice = {
    type: 'subscription.failing',
    subscription_id: '0198c5e2-7d1a-7c3e-9b51-000000000004',
    tenant_id: 'default',
    target_url: 'https://example.com/hooks',
    health: 'open',
    failing_since: Date.UTC(2025, 11, 31),
  };

  function setUp(operatorEndpoint: typeof ENDPOINT | null = ENDPOINT) {
    const clock = createTestClock();
    const calls: string[] = [];
    const records: LogRecord[] = [];
    const lines: Record<string, unknown>[] = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    const state = { rounds: [] as SubscriptionNotice[][], away: false };
    const notifier = createNotifier({
      clock,
      logger: createLogger({ service: 'test', level: 'info', destination }),
      operator: {
        keep: (wanted) => {
          calls.push(wanted === null ? 'remove' : 'keep');
          return state.away ? Promise.reject(new Error('away')) : Promise.resolve(true);
        },
        take: async (_, work) => {
          calls.push('take');
          const notices = state.rounds.shift() ?? [];
          if (notices.length > 0) await work(notices);
          return notices.length;
        },
      },
      log: {
        append: (appended: readonly LogRecord[]) => {
          records.push(...appended);
          return Promise.resolve();
        },
      } as never,
      directory: {
        invalidate: (id) => {
          calls.push(`invalidate ${id}`);
          return Promise.resolve();
        },
      },
      config: { operatorEndpoint },
    });
    return { clock, calls, records, lines, state, notifier };
  }

  test('sees to the subscription once, then looks every two seconds until it is stopped', async () => {
    const { clock, calls, notifier } = setUp();
    void notifier.start();
    await settle();
    expect(calls).toEqual(['keep', `invalidate ${OPERATOR_SUBSCRIPTION_ID}`, 'take']);
    for (let n = 0; n < 3; n += 1) {
      clock.advance(2000);
      await settle();
    }
    expect(calls.slice(2)).toEqual(['take', 'take', 'take', 'take']);
    await notifier.stop();
    expect(clock.nextTimerAt()).toBeNull();
  });

  test('appends an event for each notice and tells so in the log', async () => {
    const { records, lines, state, notifier } = setUp();
    state.rounds.push([failing]);
    void notifier.start();
    await settle();
    expect(records.map((record) => decodeDelivery(record))).toMatchObject([
      { subscription_id: OPERATOR_SUBSCRIPTION_ID, event_type: 'subscription.failing', attempt: 1 },
    ]);
    expect(lines.at(-1)).toMatchObject({
      event: 'operator.told',
      type: 'subscription.failing',
      subscription_id: failing.subscription_id,
    });
    await notifier.stop();
  });

  test('goes on at once while there is more than one take holds', async () => {
    const { clock, calls, state, notifier } = setUp();
    state.rounds.push(Array.from({ length: 100 }, () => failing));
    void notifier.start();
    await settle();
    clock.advance(1);
    await settle();
    expect(calls.filter((call) => call === 'take')).toHaveLength(2);
    await notifier.stop();
  });

  test('without an endpoint it sees that there is no such subscription, and no more', async () => {
    const { clock, calls, notifier } = setUp(null);
    void notifier.start();
    await settle();
    expect(calls).toEqual(['remove', `invalidate ${OPERATOR_SUBSCRIPTION_ID}`]);
    expect(clock.nextTimerAt()).toBeNull();
    await notifier.stop();
  });

  test('begins anew five seconds after the store was away', async () => {
    const { clock, calls, lines, state, notifier } = setUp();
    state.away = true;
    void notifier.start();
    await settle();
    expect(lines).toMatchObject([{ event: 'operator.not_told' }]);
    state.away = false;
    clock.advance(5000);
    await settle();
    expect(calls).toEqual(['keep', 'keep', `invalidate ${OPERATOR_SUBSCRIPTION_ID}`, 'take']);
    await notifier.stop();
  });
});

describe('the settings of the operator', () => {
  const guard = createSsrfGuard({ allowedPrivate: ['10.1.0.0/16'] });
  const config = (url: string, secret: string) => ({
    OPERATOR_WEBHOOK_URL: url,
    OPERATOR_WEBHOOK_SECRET: secret,
  });

  test('without a URL there is none', () => {
    expect(operatorEndpointOf(config('', 'some secret'), guard)).toBeNull();
  });
  test('a private address must be allowed, as for every target', () => {
    const inside = config('http://10.1.2.3/hooks', 'some secret');
    expect(operatorEndpointOf(inside, guard)).toEqual({
      target_url: 'http://10.1.2.3/hooks',
      secret: 'some secret',
    });
    const outside = config('http://10.2.2.3/hush', 'some secret');
    expect(() => operatorEndpointOf(outside, guard)).toThrow(/OPERATOR_WEBHOOK_URL=\(hidden\): (?!.*hush)/);
  });
  test('a URL without a secret is refused: what is sent is always signed', () => {
    expect(() => operatorEndpointOf(config('https://ops.example.com/', ''), guard)).toThrow(
      'OPERATOR_WEBHOOK_SECRET is not set',
    );
  });
});
