import { assertSafeToListen, createApiKeyAuthenticator } from '../src/index.ts';
import { KEY } from './server.ts';

test('without a key everybody is open, with every scope', async () => {
  const authenticate = createApiKeyAuthenticator({ apiKey: '' });
  const open = { name: 'open', scopes: ['admin', 'read', 'ingest'], tenant_id: null };
  expect(await authenticate(undefined)).toEqual(open);
  expect(await authenticate('Bearer anything')).toEqual(open);
});

test('with a key only that key opens', async () => {
  const authenticate = createApiKeyAuthenticator({ apiKey: KEY });
  expect(await authenticate(undefined)).toBe('missing');
  expect(await authenticate(`Bearer ${KEY}`)).toMatchObject({ name: 'api-key' });
  expect(await authenticate(`bearer   ${KEY} `)).toMatchObject({ name: 'api-key' });
  for (const wrong of [
    KEY,
    `Basic ${KEY}`,
    `Bearer ${KEY}x`,
    `Bearer ${KEY.slice(1)}`,
    'Bearer',
    'Bearer  ',
    '',
  ]) {
    expect(await authenticate(wrong)).toBe('wrong');
  }
});

test('a short key is refused with the length that is needed, and never shown', () => {
  const short = 'fifteen-letters';
  expect(() => createApiKeyAuthenticator({ apiKey: short })).toThrow(
    /API_KEY must have at least 16 characters/,
  );
  expect(() => createApiKeyAuthenticator({ apiKey: short })).not.toThrow(short);
});

test.each(['127.0.0.1', '127.8.8.8', 'localhost', '::1'])('without a key %s may be listened on', (host) => {
  expect(() => {
    assertSafeToListen(host, '');
  }).not.toThrow();
});

test.each(['0.0.0.0', '::', '192.168.1.2', '127.0.0.1.example.com', '127.evil', ''])(
  'without a key "%s" may not be listened on, and the error says why and what to do',
  (host) => {
    expect(() => {
      assertSafeToListen(host, '');
    }).toThrow(/open the API to other machines.*Set API_KEY/s);
    expect(() => {
      assertSafeToListen(host, KEY);
    }).not.toThrow();
  },
);
