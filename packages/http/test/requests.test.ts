import { HttpProblem, notFound, unavailable } from '../src/index.ts';
import { createThing, echo, getThing, listThings, plain } from './routes.ts';
import { BEARER, ID, json, startServer, type TestServer } from './server.ts';

class StoreUnavailableError extends Error {
  override name = 'StoreUnavailableError';
}
class LogUnavailableError extends Error {
  override name = 'LogUnavailableError';
}
class BadCursorError extends Error {
  override name = 'BadCursorError';
}
const throws = (path: string, error: Error) => plain(path, 'read', () => Promise.reject(error));

const routes = [
  createThing,
  listThings,
  getThing,
  echo,
  plain('/empty', 'open', () => Promise.resolve({ status: 204 })),
  plain('/things/special', 'open', () => Promise.resolve({ status: 200, body: 'special' })),
  throws('/store-away', new StoreUnavailableError('connect ECONNREFUSED db.internal:5432')),
  throws('/log-away', new LogUnavailableError('the disk is full')),
  throws('/bad-cursor', new BadCursorError('what?')),
  throws('/broken', new TypeError('secret detail of the inside')),
  throws('/conflict', new HttpProblem(409, 'conflict', 'It is taken.', { headers: { 'x-why': 'taken' } })),
  throws('/not-there', notFound('thing')),
  throws('/overloaded', unavailable('Too much.', 7)),
];

let server: TestServer;
beforeAll(async () => {
  server = await startServer(routes);
});
afterAll(() => server.stop());

describe('a problem', () => {
  test('is RFC 9457 with a type of its own, the request id and the headers of what was thrown', async () => {
    const { status, headers, body } = await server.call('/conflict', {
      headers: { ...BEARER, 'x-request-id': 'abc-1' },
    });
    expect(status).toBe(409);
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'x-request-id': 'abc-1',
      'x-why': 'taken',
    });
    expect(body).toEqual({
      type: 'urn:milena:problem:conflict',
      title: 'Conflict',
      status: 409,
      detail: 'It is taken.',
      request_id: 'abc-1',
    });
  });

  test.each(['/store-away', '/log-away'])('of our own parts is 503 with Retry-After: %s', async (path) => {
    const reply = await server.call(path, { headers: BEARER });
    expect(reply.status).toBe(503);
    expect(reply.headers['retry-after']).toBe('1');
    expect(JSON.stringify(reply.body)).not.toMatch(/ECONN|disk/);
  });

  test('of a cursor names the parameter', async () => {
    const reply = await fetch(`${server.url}/bad-cursor`, { headers: BEARER });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ errors: [{ path: 'cursor' }] });
  });

  test('nobody thought of is 500: the inside stays in the log, under the same request id', async () => {
    const reply = await server.call('/broken', { headers: BEARER });
    expect(reply.status).toBe(500);
    expect(JSON.stringify(reply.body)).not.toContain('secret detail');
    const line = server.logs.find((entry) => entry['event'] === 'http.failed');
    expect(line).toMatchObject({ level: 'error', route: '/broken', request_id: reply.body.request_id });
    expect(JSON.stringify(line)).toContain('secret detail');
  });
});

describe('paths', () => {
  test('that nothing answers are 404, methods that a path does not take 405 with Allow', async () => {
    expect((await server.call('/nowhere')).status).toBe(404);
    expect((await server.call('/Things', { headers: BEARER })).status).toBe(404);
    const reply = await server.call('/things', { method: 'DELETE', headers: BEARER });
    expect(reply.status).toBe(405);
    expect(reply.headers['allow']).toBe('GET, HEAD, POST');
    expect((await server.call(`/raw/${ID}`)).headers['allow']).toBe('POST');
  });

  test('with a malformed id are 404, as nothing can be there', async () => {
    for (const id of ['x', `${ID}0`, '%E0%A4%A', ID.toUpperCase()]) {
      expect((await server.call(`/things/${id}`, { headers: BEARER })).status).toBe(404);
      expect((await server.call(`/raw/${id}`, json({}))).status).toBe(404);
    }
  });

  test('of their own win over ones with parameters, whatever the order of the routes', async () => {
    expect((await server.call('/things/special')).body).toBe('special');
  });

  test('have aliases that reach the same operation', async () => {
    expect((await server.call(`/also/raw/${ID}`, json('[1]'))).body).toBe('[1]');
    expect((await server.call(`/raw/${ID}/?a=b`, json('[1]'))).body).toBe('[1]');
  });
});

describe('who calls', () => {
  test('is asked before anything else', async () => {
    const reply = await server.call('/things/x');
    expect(reply.status).toBe(401);
    expect(reply.headers['www-authenticate']).toBe('Bearer realm="milena"');
  });

  test('with a wrong key is 401, on optional routes too', async () => {
    for (const authorization of ['Bearer wrong', 'Basic abc', 'Bearer ', '']) {
      const reply = await server.call('/things', { headers: { authorization } });
      expect(reply.status).toBe(401);
      expect(reply.headers['www-authenticate']).toContain('invalid_token');
    }
    expect((await server.call(`/raw/${ID}`, json({}, { authorization: 'Bearer wrong' }))).status).toBe(401);
  });

  test('is told to the handler; nobody, where a key is optional and none was sent', async () => {
    expect((await server.call(`/things/${ID}`, { headers: BEARER })).body.caller).toBe('api-key');
    expect((await server.call(`/raw/${ID}`, json({}, {}))).headers['x-caller']).toBe('nobody');
    expect((await server.call(`/raw/${ID}`, json({}))).headers['x-caller']).toBe('api-key');
  });

  test('may do what its scopes say and no more', async () => {
    const reader = await startServer(routes, {
      authenticate: () => Promise.resolve({ name: 'reader', scopes: ['read'], tenant_id: null }),
    });
    expect((await reader.call('/things')).status).toBe(200);
    const reply = await reader.call('/things', json({ name: 'a' }));
    expect(reply.status).toBe(403);
    expect(reply.headers['www-authenticate']).toContain('insufficient_scope');
    await reader.stop();
  });
});

describe('query parameters', () => {
  test('are converted and defaulted', async () => {
    expect((await server.call('/things', { headers: BEARER })).body.asked).toEqual({
      limit: 20,
      cursor: null,
    });
    expect((await server.call('/things?limit=7&cursor=c&name=n', { headers: BEARER })).body.asked).toEqual({
      limit: 7,
      cursor: 'c',
      name: 'n',
    });
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=many', 'limit'],
    ['limit=', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=', 'cursor'],
    ['colour=red', 'colour'],
  ])('that are wrong are 400 and named: %s', async (query, path) => {
    const reply = await server.call(`/things?${query}`, { headers: BEARER });
    expect(reply.status).toBe(400);
    expect(reply.body.errors).toEqual([{ path, message: expect.any(String) }]);
  });
});

describe('JSON bodies', () => {
  test('are checked against the schema, every wrong field named by its path', async () => {
    const body = { nam: 'a', event_types: ['a', 1, 'B'], headers: { 'x-shop': 1 } };
    const reply = await server.call('/things', json(body));
    expect(reply.status).toBe(422);
    const paths = reply.body.errors.map((error: { path: string }) => error.path);
    expect(paths).toEqual(['name', 'event_types[1]', 'event_types[2]', 'headers.x-shop', 'nam']);
  });

  test('that are not JSON are 400, saying where', async () => {
    const reply = await server.call('/things', json('{"name": "a",\n "b" 1}'));
    expect(reply.status).toBe(400);
    expect(reply.body.detail).toBe('The body is not valid JSON: there is no : at line 2, column 6.');
  });

  test.each([['"text"'], ['1'], ['{"__proto__": {"a": 1}, "name": "a"}']])('can not be %s', async (text) => {
    expect((await server.call('/things', json(text))).status).toBe(400);
  });

  test('may not be missing where the schema wants one', async () => {
    const reply = await server.call('/things', { method: 'POST', headers: BEARER });
    expect(reply.status).toBe(422);
    expect(reply.body.detail).toBe('A JSON body is required.');
  });

  test('are taken in UTF-8 JSON types only', async () => {
    const send = async (type: string) =>
      (await server.call('/things', json('{"name":"a"}', { ...BEARER, 'content-type': type }))).status;
    expect(await send('application/json; charset="UTF-8"')).toBe(201);
    expect(await send('application/merge-patch+json')).toBe(201);
    expect(await send('text/plain')).toBe(415);
    expect(await send('application/x-www-form-urlencoded')).toBe(415);
    expect(await send('application/json; charset=latin1')).toBe(415);
  });

  test('above the limit are 413', async () => {
    expect((await server.call('/things', json({ name: 'a'.repeat(1000) }))).status).toBe(413);
  });
});

describe('replies', () => {
  test('without a body have none', async () => {
    const reply = await server.call('/empty');
    expect(reply.status).toBe(204);
    expect(reply.headers['content-length']).toBeUndefined();
  });

  test('to HEAD are those of GET without the body', async () => {
    const reply = await fetch(`${server.url}/health`, { method: 'HEAD' });
    expect(reply.headers.get('content-length')).toBe(String('{"status":"up"}'.length));
    expect(await reply.text()).toBe('');
  });

  test('carry the request id that was sent when it is fit for a log, otherwise a new one', async () => {
    const idFor = async (id: string) =>
      (await server.call('/health', { headers: { 'x-request-id': id } })).headers['x-request-id'];
    expect(await idFor('trace:1.2-3_4')).toBe('trace:1.2-3_4');
    expect(await idFor('a b"{}')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idFor('x'.repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test('every request leaves one line and one observation, by route template and never by path', async () => {
  const id = 'one-line-1';
  await server.call(`/things/${ID}`, { headers: { ...BEARER, 'x-request-id': id } });
  const lines = server.logs.filter((line) => line['request_id'] === id);
  expect(lines).toEqual([
    expect.objectContaining({
      level: 'debug',
      event: 'http.request',
      method: 'GET',
      path: `/things/${ID}`,
      route: '/things/{id}',
      status: 200,
      caller: 'api-key',
    }),
  ]);
  const text = await server.metrics.registry.metrics();
  expect(text).toContain('milena_http_request_duration_seconds_count{route="/things/{id}",status="2xx"}');
  expect(text).toContain('milena_http_request_duration_seconds_count{route="none",status="4xx"}');
  expect(text).not.toContain(ID);
});
