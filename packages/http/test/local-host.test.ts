import { request } from 'node:http';
import { systemClock } from '@milena/runtime';
import { noStoredKeys } from '@milena/testing';
import { createApiKeyAuthenticator } from '../src/index.ts';
import { createThing, echo, listThings } from './routes.ts';
import { BEARER, ID, overTcp, startServer, type TestServer } from './server.ts';

let open: TestServer;
let keyed: TestServer;
const routes = [createThing, echo, listThings];
beforeAll(async () => {
  const authenticate = createApiKeyAuthenticator({ apiKey: '', keys: noStoredKeys, clock: systemClock });
  open = await startServer(routes, { authenticate });
  keyed = await startServer(routes);
});
afterAll(() => Promise.all([open.stop(), keyed.stop()]));

/** fetch sets the Host header itself. */
function call(
  { url }: TestServer,
  host: string,
  init: { method?: string; path?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; text: string }> {
  const { method = 'GET', path = '/things', headers = {} } = init;
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers: { ...headers, host } }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => {
        resolve({ status: res.statusCode ?? 0, text });
      });
    });
    sent.on('error', reject).end();
  });
}

test.each([
  'localhost',
  'LOCALHOST:8080',
  'localhost.',
  'milena.localhost:1',
  'a.b-c.localhost',
  '127.0.0.1',
  '127.8.8.8:99',
  '[::1]',
  '[::1]:8080',
])('an open API answers at %s', async (host) => {
  expect((await call(open, host)).status).toBe(200);
});

test.each([
  'evil.example',
  'evil.example:8080',
  'localhost.evil.example',
  'evillocalhost',
  'localhost..',
  '127.0.0.1.evil.example',
  '127.0.0.1:80@evil.example',
  '192.168.1.2',
  '0.0.0.0',
  '[::2]',
  '.localhost',
])('an open API refuses a call for "%s", and says what to do', async (host) => {
  const { status, text } = await call(open, host);
  expect(status).toBe(403);
  expect(JSON.parse(text)).toMatchObject({
    type: 'urn:milena:problem:forbidden',
    detail: expect.stringMatching(/http:\/\/localhost.*or set API_KEY/),
  });
});

test('an open API refuses before it looks at the body, and whatever the caller sends as its key', async () => {
  expect((await call(open, 'evil.example', { method: 'POST' })).status).toBe(403);
  const init = { method: 'POST', path: `/raw/${ID}`, headers: BEARER };
  expect((await call(open, 'evil.example', init)).status).toBe(403);
});

test('an open API refuses a call that names no host, as HTTP/1.0 may', async () => {
  expect(await overTcp(open.url, 'GET /things HTTP/1.0\r\n\r\n', /request_id/)).toContain('403 Forbidden');
});

test('probes and pages tell nothing, so they answer at any host', async () => {
  expect((await call(open, 'evil.example', { path: '/health' })).status).toBe(200);
});

test('where a key is needed it is what counts, and the host is not looked at', async () => {
  expect((await call(keyed, 'api.example.com', { headers: BEARER })).status).toBe(200);
  expect((await call(keyed, 'api.example.com')).status).toBe(401);
});
