import { gzipSync } from 'node:zlib';
import { echo } from './routes.ts';
import { beginPost, ID, json, overTcp, startServer, until, type TestServer } from './server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startServer([echo]);
});
afterEach(() => server.stop());

const path = `/raw/${ID}`;
const JSON_TYPE = { 'content-type': 'application/json' };

test('a raw body reaches the handler byte for byte, odd spacing, big numbers and broken UTF-8 included', async () => {
  const bodies = [
    Buffer.from('{"b":1,"a":12345678901234567890,"u":"\\u00e9 é", "b":2}'),
    Buffer.from([0x22, 0xff, 0xfe, 0x00, 0x22]),
    Buffer.alloc(0),
    Buffer.alloc(100, 'x'),
  ];
  for (const body of bodies) {
    const reply = await fetch(`${server.url}${path}`, { method: 'POST', headers: JSON_TYPE, body });
    expect(Buffer.from(await reply.arrayBuffer())).toEqual(body);
  }
});

test('a raw body in many chunks is put together in order', async () => {
  const chunks = ['3\r\n{"a\r\n', '2\r\n":\r\n', '2\r\n1}\r\n', '0\r\n\r\n'].join('');
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
  expect(await overTcp(server.url, head + chunks, /\{"a":1\}$/)).toContain('200 OK');
});

test('a body announced as too large is refused before a byte of it is read', async () => {
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n`;
  expect(await overTcp(server.url, head, /request_id/)).toContain('413 Payload Too Large');
});

test('a body that turns out too large is refused, and the connection serves the next request', async () => {
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
  const large = `${head}transfer-encoding: chunked\r\n\r\nc8\r\n${'x'.repeat(200)}\r\nc8\r\n${'x'.repeat(200)}\r\n0\r\n\r\n`;
  const next = `${head}content-length: 2\r\n\r\n[]`;
  const answers = await overTcp(server.url, large + next, /\[\]$/);
  expect(answers).toMatch(/413 Payload Too Large[^]*200 OK/);
});

test('exactly the limit is taken, one byte more is not', async () => {
  expect((await server.call(path, json('x'.repeat(100)))).status).toBe(200);
  expect((await server.call(path, json('x'.repeat(101)))).status).toBe(413);
});

test.each([
  ['no type', {}],
  ['another type', { 'content-type': 'text/plain' }],
  ['a type that only begins alike', { 'content-type': 'application/jsonx' }],
  ['another charset', { 'content-type': 'application/json; charset=utf-16' }],
  ['a compressed body', { ...JSON_TYPE, 'content-encoding': 'gzip' }],
])('%s is 415', async (_, headers) => {
  const body = 'content-encoding' in headers ? gzipSync('{}') : Buffer.from('{}');
  const reply = await server.call(path, { method: 'POST', headers: headers as Record<string, string>, body });
  expect(reply.status).toBe(415);
});

test.each([
  'application/json',
  'APPLICATION/JSON',
  'application/json; charset=UTF-8',
  'application/cloudevents+json',
])('the type %s is taken', async (type) => {
  expect((await server.call(path, json('{}', { 'content-type': type }))).status).toBe(200);
});

test('a client that goes away in the middle of its body leaves no error in the log', async () => {
  const request = beginPost(server.url, path, { ...JSON_TYPE, 'content-length': 50 });
  request.on('error', () => undefined);
  request.write('{"a"');
  await new Promise<void>((resolve) => {
    request.on('socket', (socket) => socket.once('connect', resolve));
  });
  // The head has reached the server once it answers something sent later.
  await server.call('/health');
  request.destroy();
  await until(() => server.logs.some((line) => line['reason'] === 'the client went away'));
  expect(server.logs.filter((line) => line['level'] === 'error')).toEqual([]);
  expect(await server.metrics.registry.metrics()).toContain('status="aborted"');
});
