import { connect } from 'node:net';
import { createThing, echo, plain } from './routes.ts';
import { ID, KEY, startServer, until, type TestServer } from './server.ts';

let finish = (): void => undefined;
let begun = 0;
const slow = plain('/slow', 'open', async () => {
  begun += 1;
  await new Promise<void>((resolve) => (finish = resolve));
  return { status: 200, body: 'the answer to the first' };
});

let server: TestServer;
beforeAll(async () => {
  server = await startServer([echo, createThing, slow]);
});
afterAll(() => server.stop());

/** What comes back until the server closes the connection. */
function exchange(text: string, then?: { when: () => boolean; text: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(received);
    });
    socket.write(text);
    if (then) void until(then.when).then(() => socket.write(then.text));
  });
}

function problemIn(answer: string): unknown {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  expect(head.toLowerCase()).toContain('\r\ncontent-type: application/problem+json');
  expect(head.toLowerCase()).toContain('\r\nconnection: close');
  expect(head.toLowerCase()).toContain(`\r\ncontent-length: ${Buffer.byteLength(body)}`);
  const problem = JSON.parse(body) as { request_id: string };
  expect(head.toLowerCase()).toContain(`\r\nx-request-id: ${problem.request_id}`);
  return problem;
}

const POST = `POST /raw/${ID} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
const JSON_POST = `POST /things HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\n`;

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400, 'bad-request'],
  ['a bad length', `${POST}content-length: x\r\n\r\n`, 400, 'bad-request'],
  [
    'two ways to tell the length',
    `${POST}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n`,
    400,
    'bad-request',
  ],
  ['a bad chunk', `${POST}transfer-encoding: chunked\r\n\r\nzz\r\n`, 400, 'bad-request'],
  ['a bad chunk of JSON', `${JSON_POST}transfer-encoding: chunked\r\n\r\nzz\r\n`, 400, 'bad-request'],
  ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 400, 'bad-request'],
  [
    'no Host on a raw route',
    POST.replace('host: x\r\n', 'content-length: 0\r\n') + '\r\n',
    400,
    'bad-request',
  ],
  [
    'large headers',
    `GET /health HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers-too-large',
  ],
  [
    'large chunk extensions',
    `${POST}transfer-encoding: chunked\r\n\r\n2;${'a'.repeat(20_000)}`,
    413,
    'payload-too-large',
  ],
  [
    'an expectation',
    'GET /health HTTP/1.1\r\nhost: x\r\nexpect: a-miracle\r\n\r\n',
    417,
    'expectation-failed',
  ],
])('a request with %s gets a problem, and its connection is closed', async (_what, text, status, slug) => {
  const answer = await exchange(text);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(problemIn(answer)).toMatchObject({
    status,
    type: `urn:milena:problem:${slug}`,
    detail: expect.any(String),
  });
  expect(server.logs.filter((line) => line['level'] === 'error')).toEqual([]);
});

test('HTTP/1.0 needs no Host', async () => {
  expect(await exchange('GET /health HTTP/1.0\r\n\r\n')).toContain('200 OK');
});

test('nonsense after a request that waits for its answer is never taken for that answer', async () => {
  const before = begun;
  const get = 'GET /slow HTTP/1.1\r\nhost: x\r\n\r\n';
  expect(await exchange(get, { when: () => begun > before, text: 'nonsense\r\n\r\n' })).toBe('');
  finish();
});

test('a client that resets its connection leaves no error', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`${POST}content-length: 10\r\n\r\n{`);
  await until(() => socket.bytesWritten > 0);
  socket.resetAndDestroy();
  expect((await server.call('/health')).status).toBe(200);
  expect(server.logs.filter((line) => line['level'] === 'error')).toEqual([]);
});
