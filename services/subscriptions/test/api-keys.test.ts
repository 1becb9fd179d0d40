import { createTestClock } from '@milena/runtime';
import { errorsOf, startApi, type Api, type Json } from './support/api.ts';

const PATH = '/api/v1/api-keys';
const START = Date.UTC(2026, 0, 1);
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('API keys', () => {
  const clock = createTestClock(START);
  let api: Api;
  beforeAll(async () => {
    api = await startApi({ apiKey: 'a-first-key-for-tests', clock });
  });
  afterAll(() => api.stop());

  const make = async (over: object = {}): Promise<Json> => {
    const { status, body, headers } = await api.call('POST', PATH, { name: 'n', scopes: ['read'], ...over });
    expect([status, headers['cache-control']]).toEqual([201, 'no-store']);
    return body;
  };
  const statusWith = async (key: string, path = '/api/v1/subscriptions'): Promise<number> =>
    (await api.call('GET', path, undefined, bearer(key))).status;

  test('a key shows once, works, and is nowhere after that: not in lists, logs, metrics or the store', async () => {
    const made = await make({ scopes: ['ingest', 'read'], tenant_id: 'shop-1' });
    expect(made.key).toMatch(/^mk_[A-Za-z0-9_-]{43}$/);
    expect(made).toMatchObject({
      scopes: ['read', 'ingest'],
      tenant_id: 'shop-1',
      expires_at: null,
      prefix: made.key.slice(0, 11),
    });
    expect(await statusWith(made.key)).toBe(200);
    const list = await api.call('GET', PATH);
    const { key, ...shown } = made;
    expect(list.body.data).toContainEqual(shown);
    const { rows } = await api.pg.query('SELECT row_to_json(api_keys)::text FROM api_keys');
    const everywhere = JSON.stringify([list.body, rows, api.lines, await api.metrics.registry.metrics()]);
    expect(everywhere).not.toContain(key);
    expect(everywhere).not.toContain(key.slice(12));
  });

  test('a key ends when it was told to, by time or by duration', async () => {
    const inAnHour = await make({ expires_in: '1h' });
    const atOnePm = await make({ expires_at: new Date(clock.now() + 3_600_000).toISOString() });
    expect(inAnHour.expires_at).toBe(atOnePm.expires_at);
    expect([await statusWith(inAnHour.key), await statusWith(atOnePm.key)]).toEqual([200, 200]);
    clock.advance(3_600_000);
    expect([await statusWith(inAnHour.key), await statusWith(atOnePm.key)]).toEqual([401, 401]);
    expect((await api.call('GET', PATH)).body.data.map(({ id }: { id: string }) => id)).toContain(
      inAnHour.id,
    );
  });

  test('a revoked key is refused at once, and revoking it again is 404', async () => {
    const { id, key } = await make();
    expect(await statusWith(key)).toBe(200);
    expect((await api.call('DELETE', `${PATH}/${id}`)).status).toBe(204);
    expect(await statusWith(key)).toBe(401);
    expect((await api.call('DELETE', `${PATH}/${id}`)).status).toBe(404);
    expect(api.lines.join('')).toContain(`"event":"api_key.revoked","api_key_id":"${id}"`);
  });

  test('a page of the list goes on where the one before ended', async () => {
    for (let i = 0; i < 3; i += 1) await make({ tenant_id: 'paged' });
    const first = await api.call('GET', `${PATH}?tenant_id=paged&limit=2`);
    const next = await api.call('GET', `${PATH}?tenant_id=paged&limit=2&cursor=${first.body.next_cursor}`);
    expect([first.body.data.length, next.body.data.length, next.body.next_cursor]).toEqual([2, 1, null]);
    expect((await api.call('GET', `${PATH}?cursor=x`)).status).toBe(400);
  });

  test.each<[object, string]>([
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['write'] }, 'scopes[0]'],
    [{ scopes: ['read', 'read'] }, 'scopes'],
    [{ tenant_id: 'no blanks' }, 'tenant_id'],
    [{ expires_in: 'soon' }, 'expires_in'],
    [{ expires_in: '0s' }, 'expires_in'],
    [{ expires_in: '999999999d' }, 'expires_in'],
    [{ expires_at: 'tomorrow' }, 'expires_at'],
    [{ expires_at: '2001-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_at: '2027-01-01T00:00:00Z', expires_in: '1h' }, 'expires_in'],
    [{ key: 'mine' }, 'key'],
  ])('%j is refused, naming %s', async (over, field) => {
    const { status, body } = await api.call('POST', PATH, { name: 'n', scopes: ['read'], ...over });
    expect([status, errorsOf(body)]).toEqual([422, [field]]);
  });
});

test('without API_KEY no key can be made, and the refusal says what to do', async () => {
  const api = await startApi();
  const { status, body } = await api.call('POST', PATH, { name: 'n', scopes: ['read'] });
  expect([status, body.detail]).toEqual([409, expect.stringContaining('Set API_KEY')]);
  expect((await api.call('GET', PATH)).body.data).toEqual([]);
  await api.stop();
});

test('while the store is away a known key works, an unknown one is 503, and nothing is open', async () => {
  const clock = createTestClock(START);
  const api = await startApi({ apiKey: 'a-first-key-for-tests', clock });
  const { body } = await api.call('POST', PATH, { name: 'n', scopes: ['read'] });
  const { body: unused } = await api.call('POST', PATH, { name: 'n', scopes: ['read'] });
  // Statistics come from memory here, so that only the key needs the store.
  const ask = (key: string) => api.call('GET', '/api/v1/stats', undefined, bearer(key));
  expect((await ask(body.key)).status).toBe(200);
  await api.pg.close();
  clock.advance(10_000);
  expect((await ask(body.key)).status).toBe(200);
  const refused = await ask(unused.key);
  expect([refused.status, Number(refused.headers['retry-after'])]).toEqual([503, 1]);
  expect((await ask('wrong')).status).toBe(401);
  clock.advance(3_600_000);
  expect((await ask(body.key)).status).toBe(503);
  await api.stop();
});

test('an API that had a key once is not open any more, even when that key is gone', async () => {
  const api = await startApi();
  const key = { name: 'n', prefix: 'mk_', hash: Buffer.alloc(32), tenant_id: null, expires_at: null };
  const { id } = await api.apiKeys.insert({ ...key, scopes: ['read'] });
  expect((await api.call('GET', '/api/v1/subscriptions')).status).toBe(401);
  await api.apiKeys.revoke(id, {});
  expect((await api.call('GET', '/api/v1/subscriptions')).status).toBe(401);
  await api.stop();
});
