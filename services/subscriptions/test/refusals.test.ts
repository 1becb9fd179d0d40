import { newId } from '@milena/domain';
import { errorsOf, startApi, type Api } from './support/api.ts';

const PATH = '/api/v1/subscriptions';
let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

describe('refusals', () => {
  test.each([
    ['no URL', 'nope', 'target_url'],
    ['another scheme', 'ftp://example.com', 'target_url'],
    ['credentials', 'https://me:you@example.com', 'target_url'],
    ['a private address', 'http://10.0.0.1/', 'target_url'],
    ['a private address in disguise', 'http://0x0a000001/', 'target_url'],
    ['blanks around it', ' https://example.com ', 'target_url'],
    ['a tab within', 'https://exam\tple.com', 'target_url'],
    ['NUL', 'https://example.com/\0', 'target_url'],
    ['2,049 characters', `https://example.com/${'x'.repeat(2029)}`, 'target_url'],
  ])('a target with %s', async (_what, target_url, path) => {
    const { status, body } = await api.call('POST', PATH, { target_url });
    expect([status, errorsOf(body)]).toEqual([422, [path]]);
    const { id } = await api.subscribe();
    expect((await api.call('PATCH', `${PATH}/${id}`, { target_url })).status).toBe(422);
  });

  test.each([
    ['unknown fields, by name', { nope: 1, held: true }, ['nope', 'held']],
    ['fields that are read only', { id: newId(0), version: 3 }, ['id', 'version']],
    ['a delay that is not configured', { retry_delays: ['10s', '7s'] }, ['retry_delays[1]']],
    ['delays out of order', { retry_delays: ['1m', '10s'] }, ['retry_delays[1]']],
    ['a delay twice', { retry_delays: ['10s', '10s'] }, ['retry_delays[1]']],
    ['a header twice', { headers: { 'X-A': '1', 'x-a': '2' } }, ['headers']],
    [
      'our own headers',
      { headers: { 'Webhook-Id': 'x', host: 'y' } },
      ['headers.Webhook-Id', 'headers.host'],
    ],
    ['a line break in a header', { headers: { 'x-a': 'a\r\nhost: b' } }, ['headers.x-a']],
    ['a header beyond Latin-1', { headers: { 'x-a': 'ж' } }, ['headers.x-a']],
    ['NUL in text', { description: 'a\0b', metadata: { k: '\0' } }, ['description', 'metadata.k']],
    [
      'half a surrogate pair',
      { description: '\ud800', metadata: { k: '\udc00x' } },
      ['description', 'metadata.k'],
    ],
    [
      'wrong types',
      { enabled: 'yes', timeout_ms: '5', event_types: 'a' },
      ['event_types', 'enabled', 'timeout_ms'],
    ],
    ['numbers out of bounds', { timeout_ms: 60_001, max_in_flight: 0 }, ['timeout_ms', 'max_in_flight']],
    ['a tenant with odd letters', { tenant_id: '../x' }, ['tenant_id']],
    ['a type that is no type', { event_types: ['order', 'a..b'] }, ['event_types[1]']],
  ])('%s', async (_what, fields, paths) => {
    const { status, body } = await api.call('POST', PATH, { target_url: 'https://example.com', ...fields });
    expect([status, errorsOf(body).sort()]).toEqual([422, paths.sort()]);
  });

  test('the message says which delays there are', async () => {
    const { body } = await api.call('POST', PATH, {
      target_url: 'https://example.com',
      retry_delays: ['7s'],
    });
    expect(body.errors[0].message).toBe('is not one of the configured delays: 10s, 30s, 1m');
  });
});
