import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { type Client, createClient, eventually } from './client.ts';
import type { StartSystem, System } from './system.ts';

const GIGABYTE = 1024 ** 3;
/** For endpoints that are late on purpose. The others live in this process, which may be held up itself. */
const TIMEOUT_MS = 3000;

const servers: Server[] = [];

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

interface Endpoint {
  url: string;
  /** Requests that it saw. */
  requests: () => number;
}

async function http(answer: RequestListener): Promise<Endpoint> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    response.on('error', () => undefined);
    request.resume().on('end', () => {
      answer(request, response);
    });
  });
  return { url: `http://127.0.0.1:${await listen(server)}/`, requests: () => requests };
}

/** Speaks on the bare socket once the request has come. */
async function tcp(answer: (socket: Socket) => void, scheme = 'http'): Promise<Endpoint> {
  let requests = 0;
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      requests += 1;
      answer(socket);
    });
  });
  return { url: `${scheme}://127.0.0.1:${await listen(server)}/`, requests: () => requests };
}

async function nobodyListens(): Promise<string> {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/`;
}

const OK_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n';

/** `requests: false` where the request never gets to an endpoint. */
const TROUBLES: [string, string, number | null, () => Promise<Endpoint>][] = [
  ['a redirect', 'http_status', 302, () => http((_, r) => r.writeHead(302, { location: '/x' }).end())],
  [
    '429 and seconds',
    'http_status',
    429,
    () => http((_, r) => r.writeHead(429, { 'retry-after': '0' }).end()),
  ],
  [
    '503 and a date',
    'http_status',
    503,
    () => http((_, r) => r.writeHead(503, { 'retry-after': new Date().toUTCString() }).end()),
  ],
  [
    'a body that drips',
    'timeout',
    200,
    () =>
      http((_, response) => {
        response.writeHead(200);
        const drip = setInterval(() => response.write('.'), 100);
        response.on('close', () => {
          clearInterval(drip);
        });
      }),
  ],
  ['no answer', 'timeout', null, () => http(() => undefined)],
  ['a reset before the reply', 'reset', null, () => tcp((socket) => socket.resetAndDestroy())],
  [
    'a reset in the middle of the reply',
    'reset',
    200,
    () =>
      tcp((socket) =>
        socket.write(`${OK_HEAD}content-length: 100\r\n\r\nhalf`, () => socket.resetAndDestroy()),
      ),
  ],
  [
    'an answer that is no HTTP',
    'invalid_response',
    null,
    () => tcp((socket) => socket.end('220 mail ready\r\n')),
  ],
  [
    'TLS with a server that speaks none',
    'tls',
    null,
    () => tcp((socket) => socket.end('plain\r\n'), 'https'),
  ],
  [
    'a port nobody listens on',
    'connect',
    null,
    async () => ({ url: await nobodyListens(), requests: () => 0 }),
  ],
  [
    'a name that does not exist',
    'dns',
    null,
    () => Promise.resolve({ url: 'http://no-such-host.invalid/', requests: () => 0 }),
  ],
];

/** What endpoints do to those who deliver, and what is recorded of it. */
export function endpointTrouble(name: string, start: StartSystem): void {
  let milena: System;
  let client: Client;

  beforeAll(async () => {
    milena = await start({ RETRY_DELAYS: '200ms,60s' });
    client = await createClient(milena);
  }, 90_000);

  afterAll(async () => {
    for (const server of servers.splice(0)) server.close();
    await milena.close();
  }, 60_000);

  describe(`trouble at the endpoint, ${name}`, () => {
    it.each(TROUBLES)('%s is %s, with one attempt for each request that the target saw', async (...row) => {
      const [, kind, status, open] = row;
      const endpoint = await open();
      const id = await client.subscribe({
        target_url: endpoint.url,
        retry_delays: ['200ms'],
        timeout_ms: kind === 'timeout' ? TIMEOUT_MS : null,
      });
      const sent = await client.ingest(id, '{}');
      const path = `/api/v1/deliveries/${sent.json.delivery_id}`;
      const done = await eventually(
        async () => (await client.get(path)).json,
        (d) => d.status === 'failed',
      );
      expect(done.attempts).toHaveLength(2);
      for (const attempt of done.attempts) {
        expect(attempt).toMatchObject({ error_kind: kind, http_status: status });
        expect(attempt.error_detail).not.toBe('');
      }
      if (kind === 'connect' || kind === 'dns') expect(endpoint.requests()).toBe(0);
      else expect(endpoint.requests()).toBe(2);
    });

    it('a reset after the whole reply takes nothing from the success', async () => {
      const endpoint = await tcp((socket) =>
        socket.write(`${OK_HEAD}content-length: 2\r\n\r\nok`, () =>
          setTimeout(() => socket.resetAndDestroy(), 20),
        ),
      );
      const id = await client.subscribe({ target_url: endpoint.url, retry_delays: ['200ms'] });
      const sent = await client.ingest(id, '{}');
      const done = await eventually(
        async () => (await client.get(`/api/v1/deliveries/${sent.json.delivery_id}`)).json,
        (d) => d.status === 'delivered',
      );
      expect(done.attempts).toHaveLength(1);
      expect(endpoint.requests()).toBe(1);
    });

    it('twenty bodies of 1 GB at once cost little memory, and each is one attempt', async () => {
      let sentBytes = 0;
      const piece = Buffer.alloc(64 * 1024, 'x');
      const endpoint = await http((_, response) => {
        response.writeHead(200, { 'content-length': GIGABYTE });
        let left = GIGABYTE;
        const more = (): void => {
          while (left > 0 && !response.destroyed) {
            left -= piece.length;
            sentBytes += piece.length;
            if (!response.write(piece)) {
              response.once('drain', more);
              return;
            }
          }
        };
        more();
      });
      const id = await client.subscribe({ target_url: endpoint.url, retry_delays: [] });
      const before = await milena.residentBytes();
      const sent = await Promise.all(Array.from({ length: 20 }, () => client.ingest(id, '{}')));
      for (const { json } of sent) {
        const done = await eventually(
          async () => (await client.get(`/api/v1/deliveries/${json.delivery_id}`)).json,
          (d) => d.status === 'delivered',
        );
        expect(done.attempts).toHaveLength(1);
        expect(done.attempts[0].response_body).toHaveLength(4096);
      }
      expect(endpoint.requests()).toBe(20);
      expect((await milena.residentBytes()) - before).toBeLessThan(128 * 1024 ** 2);
      expect(sentBytes).toBeLessThan(GIGABYTE);
    });
  });
}
