import { generateApiKey, hashOfApiKey, type Scope } from '@milena/domain';
import { createTestClock } from '@milena/runtime';
import { noStoredKeys } from '@milena/testing';
import { assertSafeToListen, createApiKeyAuthenticator } from '../src/index.ts';
import { KEY } from './server.ts';

const clock = createTestClock();
const configured = (apiKey: string) => createApiKeyAuthenticator({ apiKey, keys: noStoredKeys, clock });

/** A directory with one key in it, that counts how often it is asked. */
function storing(key: string, over: { expires_at?: number; scopes?: Scope[]; hash?: Buffer } = {}) {
  const stored = {
    id: 'id-of-key',
    hash: hashOfApiKey(key),
    scopes: ['read'] as Scope[],
    tenant_id: 'shop-1',
    expires_at: null,
    ...over,
  };
  const asked: Buffer[] = [];
  const find = (hash: Buffer) => {
    asked.push(hash);
    return Promise.resolve(over.hash || hash.equals(stored.hash) ? stored : null);
  };
  return { asked, find, any: () => Promise.resolve(true) };
}

test('without any key everybody is open, with every scope', async () => {
  const authenticate = configured('');
  const open = { name: 'open', scopes: ['admin', 'read', 'ingest'], tenant_id: null };
  expect(await authenticate(undefined)).toEqual(open);
  expect(await authenticate('Bearer anything')).toEqual(open);
});

test('with a configured key only that key opens', async () => {
  const authenticate = configured(KEY);
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

test('a stored key is known by its hash alone, and brings its scopes and its tenant', async () => {
  const key = generateApiKey();
  const keys = storing(key);
  const authenticate = createApiKeyAuthenticator({ apiKey: KEY, keys, clock });
  expect(await authenticate(`Bearer ${key}`)).toEqual({
    name: 'id-of-key',
    scopes: ['read'],
    tenant_id: 'shop-1',
  });
  expect(await authenticate(`Bearer ${generateApiKey()}`)).toBe('wrong');
  expect(keys.asked[0]).toEqual(hashOfApiKey(key));
});

test('what can not be a key of ours is refused without asking the store', async () => {
  const keys = storing(generateApiKey());
  const authenticate = createApiKeyAuthenticator({ apiKey: KEY, keys, clock });
  for (const wrong of ['x', 'mk_short', `${generateApiKey()}x`, generateApiKey().replace('mk_', 'sk_')]) {
    expect(await authenticate(`Bearer ${wrong}`)).toBe('wrong');
  }
  expect(keys.asked).toEqual([]);
});

test('an answer for another hash than the one asked for opens nothing', async () => {
  const keys = storing(generateApiKey(), { hash: Buffer.alloc(32) });
  const authenticate = createApiKeyAuthenticator({ apiKey: KEY, keys, clock });
  expect(await authenticate(`Bearer ${generateApiKey()}`)).toBe('wrong');
});

test('a key is good until its end and wrong from then on', async () => {
  const key = generateApiKey();
  const keys = storing(key, { expires_at: clock.now() + 1000 });
  const authenticate = createApiKeyAuthenticator({ apiKey: KEY, keys, clock });
  clock.advance(999);
  expect(await authenticate(`Bearer ${key}`)).toMatchObject({ name: 'id-of-key' });
  clock.advance(1);
  expect(await authenticate(`Bearer ${key}`)).toBe('wrong');
});

test('once a key is stored nothing is open, API_KEY or not', async () => {
  const key = generateApiKey();
  const authenticate = createApiKeyAuthenticator({ apiKey: '', keys: storing(key), clock });
  expect(await authenticate(undefined)).toBe('missing');
  expect(await authenticate('Bearer ')).toBe('wrong');
  expect(await authenticate(`Bearer ${key}`)).toMatchObject({ name: 'id-of-key' });
});

test('while nobody can say whether there are keys nothing is open either', async () => {
  const away = () => Promise.reject(new Error('the store is away'));
  const authenticate = createApiKeyAuthenticator({ apiKey: '', keys: { find: away, any: away }, clock });
  await expect(authenticate(undefined)).rejects.toThrow('away');
  const withFirst = createApiKeyAuthenticator({ apiKey: KEY, keys: { find: away, any: away }, clock });
  expect(await withFirst(`Bearer ${KEY}`)).toMatchObject({ name: 'api-key' });
  await expect(withFirst(`Bearer ${generateApiKey()}`)).rejects.toThrow('away');
});

test('a short key is refused with the length that is needed, and never shown', () => {
  const short = 'fifteen-letters';
  expect(() => configured(short)).toThrow(/API_KEY must have at least 16 characters/);
  expect(() => configured(short)).not.toThrow(short);
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
