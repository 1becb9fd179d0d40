import { errorsOf, startApi, type Api } from './support/api.ts';
import { ids } from './support/fakes.ts';

const PATH = '/api/v1/subscriptions';
let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

describe('creating and reading', () => {
  test('what is not given has its default, and the answer says where it is', async () => {
    const { status, headers, body } = await api.call('POST', PATH, { target_url: 'https://example.com/a' });
    expect(status).toBe(201);
    expect(headers).toMatchObject({ location: `${PATH}/${body.id}`, etag: '"1"' });
    expect(body).toMatchObject({
      target_url: 'https://example.com/a',
      tenant_id: 'default',
      event_types: [],
      description: null,
      enabled: true,
      paused: false,
      headers: {},
      timeout_ms: null,
      max_in_flight: null,
      rate_limit_per_s: null,
      ingest_limit_per_s: null,
      retry_delays: null,
      metadata: {},
      has_secret: false,
      health: 'healthy',
      disabled_reason: null,
      version: 1,
    });
    const read = await api.call('GET', `${PATH}/${body.id}`);
    expect(read.body).toEqual({ ...body, held: { count: 0, oldest_at: null } });
  });

  test('every field comes back as it was given', async () => {
    const given = {
      target_url: 'http://127.0.0.1:8090/ok?x=%20é',
      tenant_id: 'shop:north',
      event_types: ['order.*', 'invoice.paid'],
      description: 'Üñïcödé 🐝\nline two',
      enabled: false,
      headers: { 'X-Shop': 'nörth', authorization: 'Basic abc' },
      timeout_ms: 2500,
      max_in_flight: 7,
      rate_limit_per_s: 0.5,
      ingest_limit_per_s: 100,
      retry_delays: ['10s', '1m'],
      metadata: { constructor: 'x', ключ: 'значение' },
    };
    const { status, body } = await api.call('POST', PATH, given);
    expect(status).toBe(201);
    expect(body).toMatchObject({ ...given, headers: { 'X-Shop': 'nörth', authorization: '***' } });
  });

  test('lists page by page and by tenant, each exactly once', async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1) made.push((await api.subscribe({ tenant_id: 'paged' })).id);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await api.call('GET', `${PATH}?tenant_id=paged&limit=2${cursor}`);
      seen.push(...body.data.map((s: { id: string }) => s.id));
      cursor = body.next_cursor === null ? '' : `&cursor=${encodeURIComponent(body.next_cursor)}`;
    } while (cursor !== '');
    expect(seen).toEqual(made.reverse());
  });

  test('the one just written is what ingest sees next: every write invalidates the caches', async () => {
    const { id } = await api.subscribe();
    await api.call('PATCH', `${PATH}/${id}`, { description: 'x' });
    await api.call('PUT', `${PATH}/${id}`, { target_url: 'https://example.com/b' });
    await api.call('POST', `${PATH}/${id}/secret/rotate`);
    await api.call('DELETE', `${PATH}/${id}`);
    expect(api.invalidated.filter((one) => one === id)).toHaveLength(5);
  });

  test('a deleted one is gone', async () => {
    const { id } = await api.subscribe();
    expect((await api.call('DELETE', `${PATH}/${id}`)).status).toBe(204);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/attempts'],
      ['GET', '/deliveries'],
      ['GET', '/stats'],
      ['POST', '/test'],
      ['POST', '/secret/rotate'],
    ] as const) {
      expect((await api.call(method, `${PATH}/${id}${path}`)).status).toBe(404);
    }
    expect((await api.call('PATCH', `${PATH}/${id}`, {})).status).toBe(404);
    expect((await api.call('PUT', `${PATH}/${id}`, { target_url: 'https://example.com' })).status).toBe(404);
  });

  test.each(['not-an-id', '%00', '..%2f..', ids.unknown.toUpperCase(), `${ids.unknown}0`])(
    'nothing is at the id %s',
    async (id) => {
      expect((await api.call('GET', `${PATH}/${id}`)).status).toBe(404);
    },
  );
});

describe('PUT and PATCH', () => {
  test('PUT takes what is not given back to its default, but keeps tenant and secret', async () => {
    const { id } = await api.subscribe({
      tenant_id: 'put',
      description: 'before',
      enabled: false,
      headers: { a: 'b' },
      retry_delays: [],
      secret: 'not-to-be-lost',
    });
    const { body, headers } = await api.call('PUT', `${PATH}/${id}`, {
      target_url: 'https://example.com/new',
    });
    expect(headers['etag']).toBe('"2"');
    expect(body).toMatchObject({
      target_url: 'https://example.com/new',
      tenant_id: 'put',
      description: null,
      enabled: true,
      headers: {},
      retry_delays: null,
      has_secret: true,
    });
  });

  test('PATCH changes what is given, merges maps and takes out what is null (RFC 7396)', async () => {
    const { id } = await api.subscribe({
      description: 'stays',
      event_types: ['a'],
      timeout_ms: 500,
      headers: { 'X-One': '1', 'x-two': '2' },
      metadata: { a: '1', b: '2', A: '3' },
    });
    const { body } = await api.call(
      'PATCH',
      `${PATH}/${id}`,
      {
        event_types: null,
        timeout_ms: null,
        headers: { 'x-one': 'uno', 'X-Two': null },
        metadata: { a: null, c: '4' },
      },
      { 'content-type': 'application/merge-patch+json' },
    );
    expect(body).toMatchObject({ description: 'stays', event_types: [], timeout_ms: null, enabled: true });
    expect(body.headers).toEqual({ 'x-one': 'uno' });
    expect(body.metadata).toEqual({ A: '3', b: '2', c: '4' });
  });

  test('a map must be valid after the merge, not only the patch by itself', async () => {
    const many = Object.fromEntries(Array.from({ length: 49 }, (_, i) => [`k${i}`, 'v']));
    const { id } = await api.subscribe({ metadata: many });
    const { status, body } = await api.call('PATCH', `${PATH}/${id}`, { metadata: { a: '1', b: '2' } });
    expect([status, errorsOf(body)]).toEqual([422, ['metadata']]);
    const reserved = await api.call('PATCH', `${PATH}/${id}`, { headers: { 'webhook-id': 'x' } });
    expect([reserved.status, errorsOf(reserved.body)]).toEqual([422, ['headers.webhook-id']]);
  });

  test('concurrent patches of different entries all land', async () => {
    const { id } = await api.subscribe();
    const patches = ['a', 'b', 'c', 'd'].map((k) =>
      api.call('PATCH', `${PATH}/${id}`, { metadata: { [k]: k } }),
    );
    const statuses = (await Promise.all(patches)).map((answer) => answer.status);
    expect(statuses).toEqual([200, 200, 200, 200]);
    const { body } = await api.call('GET', `${PATH}/${id}`);
    expect(body.metadata).toEqual({ a: 'a', b: 'b', c: 'c', d: 'd' });
  });

  test('half a surrogate pair in a target is refused: it would be stored as another character', async () => {
    const { status, body } = await api.call('POST', PATH, { target_url: 'https://example.com/\ud800' });
    expect([status, errorsOf(body)]).toEqual([422, ['target_url']]);
    expect(await api.subscribe({ target_url: 'https://example.com/🙂' })).toMatchObject({ version: 1 });
  });

  test('a subscription stays with its tenant', async () => {
    const { id } = await api.subscribe({ tenant_id: 'mine' });
    for (const [method, body] of [
      ['PATCH', { tenant_id: 'yours' }],
      ['PUT', { tenant_id: 'yours', target_url: 'https://example.com' }],
    ] as const) {
      const refused = await api.call(method, `${PATH}/${id}`, body);
      expect([refused.status, errorsOf(refused.body)]).toEqual([422, ['tenant_id']]);
    }
    expect((await api.call('PATCH', `${PATH}/${id}`, { tenant_id: 'mine' })).status).toBe(200);
  });

  test('one that was disabled for failing loses its reason when it is enabled again', async () => {
    const { id } = await api.subscribe();
    await api.health.disable(id, 'The endpoint answered 410 Gone.');
    const before = await api.call('GET', `${PATH}/${id}`);
    expect(before.body).toMatchObject({
      enabled: false,
      health: 'disabled',
      disabled_reason: expect.any(String),
    });
    const { body } = await api.call('PATCH', `${PATH}/${id}`, { enabled: true });
    expect(body).toMatchObject({ enabled: true, health: 'healthy', disabled_reason: null });
  });
});
