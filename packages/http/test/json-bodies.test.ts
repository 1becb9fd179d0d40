import { z } from 'zod';
import { route } from '../src/index.ts';
import { createThing, listThings } from './routes.ts';
import { BEARER, json, overTcp, startServer, type TestServer } from './server.ts';

const key = z.string().refine((name) => name !== 'host', 'is set by HTTP itself');
const mapSchema = z.strictObject({ headers: z.record(key, z.string()).optional() });
/** Takes a body whose every field may be left out: one that is ignored would go unnoticed. */
const setMap = route({
  method: 'post',
  path: '/maps',
  operation_id: 'setMap',
  tag: 'Maps',
  summary: 'Echo',
  access: 'admin',
  body: { kind: 'json', schema: mapSchema },
  replies: { 200: { description: 'What came.', schema: mapSchema } },
  problems: [],
  handler: (request) => Promise.resolve({ status: 200, body: request.body }),
});

let server: TestServer;
beforeAll(async () => {
  server = await startServer([createThing, listThings, setMap]);
});
afterAll(() => server.stop());

const HEAD = `POST /maps HTTP/1.1\r\nhost: x\r\nauthorization: ${BEARER.authorization}\r\n`;
const CHUNKED = `${HEAD}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;

test.each([
  ['no chunk', `${CHUNKED}0\r\n\r\n`],
  ['no length', `${HEAD}content-type: application/json\r\n\r\n`],
  ['a length of 0', `${HEAD}content-type: application/json\r\ncontent-length: 0\r\n\r\n`],
  ['a length of 00', `${HEAD}content-type: application/json\r\ncontent-length: 00\r\n\r\n`],
])('an empty body, of %s, is none and not {}', async (_what, text) => {
  const answer = await overTcp(server.url, text, /request_id|"\{/);
  expect(answer).toContain('422 Unprocessable Entity');
  expect(answer).toContain('A JSON body is required.');
});

test('a body in chunks that cut through a character is read as it was sent', async () => {
  const bytes = Buffer.from('{"headers":{"a":"é🙂"}}');
  const chunks = [bytes.subarray(0, 18), bytes.subarray(18, 21), bytes.subarray(21)].flatMap((part) => [
    Buffer.from(`${part.length.toString(16)}\r\n`),
    part,
    Buffer.from('\r\n'),
  ]);
  const text = Buffer.concat([Buffer.from(CHUNKED), ...chunks, Buffer.from('0\r\n\r\n')]);
  expect(await overTcp(server.url, text, /\}\}$/)).toContain('{"headers":{"a":"é🙂"}}');
});

test.each(['application/_v1+json', 'application/+json', 'application/-.+json', 'application/a+b+json'])(
  'a body of type %s is read like any other JSON',
  async (type) => {
    const headers = { ...BEARER, 'content-type': type };
    expect((await server.call('/maps', json('{"nope":1}', headers))).status).toBe(422);
    expect((await server.call('/maps', json('{"headers":{"a":"b"}}', headers))).body).toEqual({
      headers: { a: 'b' },
    });
  },
);

test.each([
  ['bytes that are no UTF-8', Buffer.from([...Buffer.from('{"headers":{"a":"'), 0xff, 0x22, 0x7d, 0x7d])],
  [
    'half a surrogate pair in bytes',
    Buffer.from([...Buffer.from('{"headers":{"a":"'), 0xed, 0xa0, 0x80, 0x22, 0x7d, 0x7d]),
  ],
])('%s are refused, and not replaced', async (_what, body) => {
  const reply = await server.call('/maps', { ...json('', BEARER), body });
  expect(reply.status).toBe(400);
  expect(reply.body.detail).toBe('The body is not UTF-8.');
});

test.each([
  ['\ufeff{}', 'The body is not valid JSON: there is no value at line 1, column 1.'],
  [' ', 'The body is not valid JSON: it ends too early at line 1, column 2.'],
  ['nul', 'The body is not valid JSON: there is no value at line 1, column 1.'],
  ['null', 'The body must be a JSON object or array.'],
  ['"a"', 'The body must be a JSON object or array.'],
  ['{"headers":{"__proto__":"a"}}', 'The body must not have a key __proto__.'],
  ['[{"a":[{"\\u005f_proto__":"a"}]}]', 'The body must not have a key __proto__.'],
])('%j is refused and told why', async (text, detail) => {
  const reply = await server.call('/maps', json(text));
  expect(reply.status).toBe(400);
  expect(reply.body.detail).toBe(detail);
});

test('__proto__ as a value, and other escapes, are let through', async () => {
  const reply = await server.call('/maps', json('{"headers":{"a":"__proto__","\\u0062":"\\u005f_proto__"}}'));
  expect(reply.body).toEqual({ headers: { a: '__proto__', b: '__proto__' } });
});

test('a key that is refused is told why', async () => {
  const reply = await server.call('/maps', json({ headers: { host: 'a', other: 1 } }));
  expect(reply.body.errors).toEqual([
    { path: 'headers.host', message: 'is set by HTTP itself' },
    { path: 'headers.other', message: expect.any(String) },
  ]);
});

test('of very many errors the first hundred are told, and how many there are', async () => {
  const fields = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`f${i}`, i]));
  const reply = await server.call('/maps', json(fields));
  expect(reply.status).toBe(422);
  expect(reply.body.errors).toHaveLength(100);
  expect(reply.body.detail).toBe(
    'The body does not fit its schema. There are 19900 more errors than those listed.',
  );
  const query = Array.from({ length: 101 }, (_, i) => `f${i}=`).join('&');
  const asked = await server.call(`/things?${query}`, { headers: BEARER });
  expect(asked.body.errors).toHaveLength(100);
  expect(asked.body.detail).toBe(
    'The query parameters are not valid. There is 1 more error than those listed.',
  );
});
