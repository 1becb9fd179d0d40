import { randomBytes } from 'node:crypto';
import { newId, type Scope } from '@milena/domain';
import {
  breachesOf,
  severalAtOnce,
  insertsInto,
  triesOnForeignTenant,
  type Call,
  type ForeignTenant,
  type Try,
} from '@milena/testing';
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
import { startApi, type Api, type Json } from './support/api.ts';
import { attemptOf, eventRow } from './support/fakes.ts';

const FIRST_KEY = 'a-first-key-for-tests';
let api: Api;
let clickhouse: ClickHouse;
const database = `tenants_${randomBytes(4).toString('hex')}`;

beforeAll(async () => {
  const options = { url: process.env['TEST_CLICKHOUSE_URL'] ?? '', database };
  await migrateClickHouse(options, { retentionHours: 72 });
  clickhouse = openClickHouse(options);
  api = await startApi({
    apiKey: FIRST_KEY,
    ledger: createLedgerHistory({ clickhouse }),
    history: {
      deliveries: createDeliveryHistory({ clickhouse }),
      attempts: createAttemptReader({ clickhouse }),
      stats: createStatsReader({ clickhouse }),
    },
  });
});
afterAll(async () => {
  await api.stop();
  await clickhouse.command(`DROP DATABASE ${database}`);
  await clickhouse.close();
});

async function makeKey(tenant_id: string, ...scopes: Scope[]): Promise<{ id: string; key: string }> {
  const { status, body } = await api.call('POST', '/api/v1/api-keys', { name: tenant_id, scopes, tenant_id });
  expect(status).toBe(201);
  return body;
}

const callWith =
  (key: string): Call =>
  async (method, path, body, headers) => {
    const answer = await api.call(method, path, body, { ...headers, authorization: `Bearer ${key}` });
    return { status: answer.status, text: answer.bytes.toString() };
  };

/** A tenant with one of everything: a key, a subscription, a delivery that failed, its attempt, its dead letter and a planned replay. */
async function fill(tenant_id: string) {
  const { id: key_id, key } = await makeKey(tenant_id, 'admin');
  const { id: subscription_id } = await api.subscribe({ tenant_id });
  const accepted_at = Date.now() - 30_000;
  const event = eventRow({
    delivery_id: newId(accepted_at),
    event_id: newId(accepted_at),
    tenant_id,
    subscription_id,
    event_type: `${tenant_id}.made`,
    accepted_at,
  });
  const history = insertsInto(createHistoryWriter({ clickhouse }));
  await history.insertEvents([event]);
  await history.insertAttempts([attemptOf(event, { outcome: 'failure', http_status: 500 })]);
  const letter = {
    ...event,
    status: 'open',
    reason: 'r',
    attempts: 1,
    dead_lettered_at: accepted_at,
  } as const;
  await api.deadLetters.insert([letter]);
  const planned = await callWith(key)(
    'POST',
    '/api/v1/dead-letters/replay',
    { dry_run: true },
    { 'content-type': 'application/json' },
  );
  expect(planned.status).toBe(202);
  const replay_id = (JSON.parse(planned.text) as { id: string }).id;
  const ids = [subscription_id, event.delivery_id, key_id, event.event_id, replay_id];
  return { key, key_id, subscription_id, delivery_id: event.delivery_id, foreign: { tenant_id, ids } };
}

test('a key of one tenant gets 404 for whatever is of another, on every route of the document, and sees nothing of it in any list', async () => {
  const own = await fill('shop-1');
  const other = await fill('shop-2');
  const { tries, without } = triesOnForeignTenant(api.document, other.foreign);
  expect(without.sort()).toEqual(['getHealth', 'getOpenApi', 'getReady']);
  expect(await breachesOf(tries, other.foreign, callWith(own.key))).toEqual([]);

  // The ids were right: the other tenant's key, used in the same way, reaches something with each call by an id.
  const reached = new Set<string>();
  const attempt = async ({ operation, method, path, body, headers }: Try): Promise<void> => {
    const { status } = await callWith(other.key)(method, path, body, headers);
    if (status < 400 || status === 409) reached.add(operation);
  };
  const named = tries.filter(({ kind, operation }) => kind === 'name' && operation !== 'streamAttempts');
  await severalAtOnce(
    named.filter(({ method }) => method !== 'DELETE'),
    attempt,
  );
  for (const one of named.filter(({ method }) => method === 'DELETE')) await attempt(one);
  expect(named.map(({ operation }) => operation).filter((name) => !reached.has(name))).toEqual([]);
});

test('its own it reaches as ever, and lists show all of it', async () => {
  const own = await fill('shop-3');
  await fill('shop-4');
  const get = async (path: string): Promise<Json> => {
    const { status, text } = await callWith(own.key)('GET', `/api/v1${path}`);
    expect([path, status]).toEqual([path, 200]);
    return JSON.parse(text);
  };
  const { subscription_id, delivery_id } = own;
  expect((await get('/subscriptions')).data).toMatchObject([{ id: subscription_id, tenant_id: 'shop-3' }]);
  expect((await get('/subscriptions?tenant_id=shop-3')).data).toHaveLength(1);
  expect((await get(`/deliveries/${delivery_id}`)).attempts).toHaveLength(1);
  expect((await get('/attempts')).data).toMatchObject([{ delivery_id }]);
  expect((await get(`/attempts?subscription_id=${subscription_id}`)).data).toHaveLength(1);
  expect((await get('/dead-letters')).data).toMatchObject([{ id: delivery_id }]);
  expect(await get('/stats')).toMatchObject({ events: 1, attempts: 1 });
  expect(await get('/stats/ledger')).toMatchObject({ accepted: 1, dead_lettered: 1, balanced: true });
  expect((await get('/event-types')).data).toMatchObject([{ event_type: 'shop-3.made' }]);
  expect((await get('/api-keys')).data).toMatchObject([{ id: own.key_id, tenant_id: 'shop-3' }]);
});

test('a replay by ids is of its own letters only, which are counted in one statement and not read', async () => {
  const [own, other] = [await fill('shop-11'), await fill('shop-12')];
  const now = Date.now();
  const letters = Array.from({ length: 300 }, () => ({
    ...eventRow({ delivery_id: newId(now), tenant_id: 'shop-11', subscription_id: own.subscription_id }),
    ...({ status: 'open', reason: 'r', attempts: 1, dead_lettered_at: now - 1000 } as const),
  }));
  await api.deadLetters.insert(letters);
  const ids = letters.map(({ delivery_id }) => delivery_id);
  const replay = async (...named: string[]): Promise<{ status: number; problem: Json }> => {
    const body = { ids: [...ids, ...named], dry_run: true };
    const { status, text } = await callWith(own.key)('POST', '/api/v1/dead-letters/replay', body);
    return { status, problem: JSON.parse(text) };
  };
  const queries = jest.spyOn(api.pg, 'query');
  // Named twice it is one letter.
  const planned = await replay(ids[0]!);
  const statements = queries.mock.calls
    .map(([text]) => text)
    .filter((text) => text.includes('FROM dead_letters'));
  queries.mockRestore();
  expect(planned).toMatchObject({ status: 202, problem: { total: 300 } });
  expect(statements.length).toBeLessThanOrEqual(2);
  expect(statements.join()).not.toContain('payload');

  const unknown = await replay(newId(0));
  expect(unknown.status).toBe(404);
  const { title, detail } = unknown.problem;
  expect(await replay(other.delivery_id)).toMatchObject({ status: 404, problem: { title, detail } });
});

test('history of a subscription that is gone stays readable for its own tenant, and 404 for another', async () => {
  const [own, other] = [await fill('shop-5'), await fill('shop-6')];
  await api.call('DELETE', `/api/v1/subscriptions/${own.subscription_id}`);
  for (const list of ['attempts', 'dead-letters', 'stats', 'stats/ledger']) {
    const path = `/api/v1/${list}?subscription_id=${own.subscription_id}`;
    expect((await callWith(own.key)('GET', path)).status).toBe(200);
    expect((await callWith(other.key)('GET', path)).status).toBe(404);
  }
});

test('what it makes is of its tenant, whether it says so or not', async () => {
  const { key } = await makeKey('shop-7', 'admin');
  const target_url = 'https://example.com/hooks';
  const create = async (path: string, body: object): Promise<Json> =>
    JSON.parse((await callWith(key)('POST', `/api/v1/${path}`, body)).text);
  expect(await create('subscriptions', { target_url })).toMatchObject({ tenant_id: 'shop-7' });
  expect(await create('subscriptions', { target_url, tenant_id: 'shop-7' })).toMatchObject({
    tenant_id: 'shop-7',
  });
  expect(await create('api-keys', { name: 'x', scopes: ['read'] })).toMatchObject({ tenant_id: 'shop-7' });
  const [found] = (await api.call('GET', '/api/v1/subscriptions?tenant_id=shop-7')).body.data;
  const path = `/api/v1/subscriptions/${found.id}`;
  expect((await callWith(key)('PATCH', path, { tenant_id: 'shop-7' })).status).toBe(200);
  expect((await callWith(key)('PATCH', path, { tenant_id: 'shop-8' })).status).toBe(404);
});

/** Follows the live tail until `done`. */
async function follow(key: string, lastId: string | null, done: (text: string) => boolean): Promise<string> {
  const controller = new AbortController();
  const response = await fetch(`${api.url}/api/v1/attempts/stream`, {
    headers: { authorization: `Bearer ${key}`, ...(lastId !== null && { 'last-event-id': lastId }) },
    signal: controller.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!done(text)) text += (await reader.read()).value ?? '';
  controller.abort();
  return text;
}

test('the live tail shows a bound key the attempts of its tenant only', async () => {
  const own = await fill('shop-9');
  const other = await fill('shop-10');
  const fromTheFirst = Buffer.from(`0/${newId(0)}`).toString('base64url');
  const text = await follow(own.key, fromTheFirst, (read) => /^id: /m.test(read));
  expect(text).not.toContain(other.delivery_id);
  expect(text.match(/event: attempt/g)).toHaveLength(1);
  // Attempts of others were stored after its own: the mark must not be the last of them.
  const mark = /^id: (.*)$/m.exec(text)?.[1] ?? '';
  expect(Buffer.from(mark, 'base64url').toString()).toMatch(/^\d+\/0{8}-0{4}-0{4}-0{4}-0{12}$/);
});

test('one tenant, with however many keys, takes a fifth of the live tail and shuts nobody out', async () => {
  const keys = [await makeKey('shop-11', 'read'), await makeKey('shop-11', 'read')];
  const controller = new AbortController();
  const open = async (key: string): Promise<Response> =>
    fetch(`${api.url}/api/v1/attempts/stream`, {
      headers: { authorization: `Bearer ${key}` },
      signal: controller.signal,
    });
  for (let i = 0; i < 20; i += 1) expect((await open(keys[i % 2]!.key)).status).toBe(200);
  const { status, text } = await callWith(keys[0]!.key)('GET', '/api/v1/attempts/stream');
  expect([status, text]).toEqual([429, expect.stringContaining('this tenant')]);
  expect((await open((await makeKey('shop-12', 'read')).key)).status).toBe(200);
  controller.abort();
});

const scopeCases: [Scope, string, string, number][] = [
  ['read', 'GET', '/api/v1/subscriptions', 200],
  ['read', 'POST', '/api/v1/subscriptions', 403],
  ['read', 'GET', '/api/v1/api-keys', 403],
  ['read', 'POST', '/api/v1/api-keys', 403],
  ['ingest', 'GET', '/api/v1/subscriptions', 403],
  ['ingest', 'DELETE', `/api/v1/api-keys/${newId(0)}`, 403],
  ['admin', 'GET', '/api/v1/subscriptions', 200],
  ['admin', 'GET', '/api/v1/api-keys', 200],
];
test.each(scopeCases)('a key with the scope %s: %s %s is %d', async (scope, method, path, expected) => {
  const { key } = await makeKey('scopes', scope);
  const body = method === 'POST' ? {} : undefined;
  expect((await callWith(key)(method, path, body)).status).toBe(expected);
});

test('ForeignTenant covers every kind of id that the document has', () => {
  const foreign: ForeignTenant = { tenant_id: 'x', ids: [newId(0)] };
  const { tries } = triesOnForeignTenant(api.document, foreign);
  const { paths } = api.document as { paths: Record<string, Record<string, { operationId: string }>> };
  const withId = Object.entries(paths).filter(([path]) => path.includes('{'));
  const operations = withId.flatMap(([, methods]) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(operations.filter((name) => !tries.some(({ operation }) => operation === name))).toEqual([]);
});
