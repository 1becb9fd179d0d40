import { startApi, type Api } from './support/api.ts';

const PATH = '/api/v1/subscriptions';
let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

describe('conditional requests', () => {
  test('a write on a stale version is refused and changes nothing', async () => {
    const { id } = await api.subscribe();
    const ok = await api.call('PATCH', `${PATH}/${id}`, { description: 'first' }, { 'if-match': '"1"' });
    expect([ok.status, ok.headers['etag']]).toEqual([200, '"2"']);
    for (const [method, body] of [
      ['PATCH', { description: 'second' }],
      ['PUT', { target_url: 'https://example.com/second' }],
      ['DELETE', undefined],
    ] as const) {
      const stale = await api.call(method, `${PATH}/${id}`, body, { 'if-match': '"1"' });
      expect([stale.status, stale.headers['etag']]).toEqual([412, '"2"']);
    }
    const stale = await api.call('POST', `${PATH}/${id}/secret/rotate`, {}, { 'if-match': '"1"' });
    expect(stale.status).toBe(412);
    const { body } = await api.call('GET', `${PATH}/${id}`);
    expect(body).toMatchObject({ description: 'first', version: 2, has_secret: false });
  });

  test('of two writes on the same version one wins', async () => {
    const { id } = await api.subscribe();
    const both = await Promise.all(
      ['a', 'b'].map((d) => api.call('PATCH', `${PATH}/${id}`, { description: d }, { 'if-match': '"1"' })),
    );
    expect(both.map((answer) => answer.status).sort()).toEqual([200, 412]);
  });

  test.each([
    ['*', 200],
    ['"1"', 200],
    ['"7", "1"', 200],
    ['"7"', 412],
    ['"nonsense"', 412],
    ['"99999999999999999999999"', 412],
    ['"-1"', 412],
    ['"1.0"', 412],
    ['W/"1"', 400],
    ['1', 400],
    ['"1', 400],
    ['"1",', 400],
    ['', 400],
    ['"é"', 412],
  ])('If-Match %s → %i', async (value, expected) => {
    const { id } = await api.subscribe();
    const { status } = await api.call('PATCH', `${PATH}/${id}`, {}, { 'if-match': value });
    expect(status).toBe(expected);
  });

  test.each([
    ['"1"', 304],
    ['W/"1"', 304],
    ['*', 304],
    ['"2", "1"', 304],
    ['"2"', 200],
    ['garbage', 200],
  ])('If-None-Match %s → %i', async (value, expected) => {
    const { id } = await api.subscribe();
    const { status, headers } = await api.call('GET', `${PATH}/${id}`, undefined, { 'if-none-match': value });
    expect([status, headers['etag']]).toEqual([expected, '"1"']);
  });
});
