import type { Socket } from 'node:net';
import { createWorkshop, type Workshop } from './endpoints.ts';

let shop: Workshop;
beforeEach(() => {
  shop = createWorkshop();
});
afterEach(() => shop.close());

describe('broken answers', () => {
  it.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['a status that is no number', 'HTTP/1.1 abc OK\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nab'],
    [
      'length and chunks together',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    ],
    ['a 100 nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    [
      'an upgrade nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    ],
    ['headers of 17 KiB', `HTTP/1.1 200 OK\r\nx: ${'v'.repeat(17_000)}\r\n\r\n`],
    ['headers without an end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(10_000)}`],
  ])('%s is invalid_response', async (_what, answer) => {
    const endpoint = await shop.raw((socket) => socket.write(answer));
    const result = await shop.post(endpoint.url);
    expect(result).toMatchObject({ ok: false, error_kind: 'invalid_response', http_status: null });
    expect(result.error_detail).not.toBe('');
    expect(endpoint.requests()).toBe(1);
  });

  it('a chunk that is none ends the attempt as invalid_response, with the status that came', async () => {
    const endpoint = await shop.raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n');
    });
    expect(await shop.post(endpoint.url)).toMatchObject({
      ok: false,
      error_kind: 'invalid_response',
      http_status: 200,
    });
  });

  const endings = {
    closed: (socket: Socket) => socket.end(),
    reset: (socket: Socket) => socket.resetAndDestroy(),
  };

  it.each(['closed', 'reset'] as const)(
    'a connection %s before the reply is reset, after one request',
    async (how) => {
      const endpoint = await shop.raw((socket) => endings[how](socket));
      const result = await shop.post(endpoint.url);
      expect(result).toMatchObject({
        ok: false,
        error_kind: 'reset',
        http_status: null,
        resolved_address: '127.0.0.1',
      });
      expect(endpoint.requests()).toBe(1);
    },
  );

  it('a connection closed in the middle of the headers is reset', async () => {
    const endpoint = await shop.raw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le'));
    expect(await shop.post(endpoint.url)).toMatchObject({ error_kind: 'reset', http_status: null });
  });

  it.each([
    ['with a length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegin'],
    [
      'with a length and without keep-alive',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\nbegin',
    ],
    ['in chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n'],
    [
      'in chunks and without keep-alive',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n',
    ],
  ])('a connection closed or reset in the middle of a body %s is reset', async (_what, beginning) => {
    for (const how of ['closed', 'reset'] as const) {
      const endpoint = await shop.raw((socket) => socket.write(beginning, () => endings[how](socket)));
      const result = await shop.post(endpoint.url);
      expect([how, result]).toMatchObject([how, { ok: false, error_kind: 'reset', response_body: 'begin' }]);
      expect(endpoint.requests()).toBe(1);
    }
  });
});

describe('answers that end at their headers', () => {
  it.each([
    ['204 with a length', 204, 'content-length: 5'],
    ['204 with a length, the last on its connection', 204, 'content-length: 5\r\nconnection: close'],
    ['204 in chunks', 204, 'transfer-encoding: chunked'],
    ['304 with a length', 304, 'content-length: 5'],
  ])('a %s is complete, and its connection is not used again', async (_what, status, header) => {
    const endpoint = await shop.raw((socket) => socket.write(`HTTP/1.1 ${status} X\r\n${header}\r\n\r\n`));
    for (let i = 1; i <= 3; i += 1) {
      const result = await shop.post(endpoint.url);
      const success = { ok: true, error_kind: null, error_detail: '' };
      const notModified = {
        error_kind: 'http_status',
        error_detail: 'The endpoint answered 304 Not Modified.',
      };
      expect(result).toMatchObject({ http_status: status, ...(status === 204 ? success : notModified) });
      expect(result.response_headers).toHaveProperty([header.split(':')[0] ?? '']);
      expect([endpoint.requests(), endpoint.connections()]).toEqual([i, i]);
    }
  });

  it('what follows a 204 all the same is no answer to anything', async () => {
    const endpoint = await shop.raw((socket, request) => {
      if (request === 1) socket.write('HTTP/1.1 204 No Content\r\ncontent-length: 33\r\n\r\n');
      socket.write('HTTP/1.1 500 X\r\nx: y\r\nx: z\r\n\r\n');
    });
    expect(await shop.post(endpoint.url)).toMatchObject({ ok: true, http_status: 204, response_body: '' });
    expect(await shop.post(endpoint.url)).toMatchObject({ http_status: 500 });
    expect(endpoint.connections()).toBe(2);
  });

  it.each(['', 'content-length: 0\r\n'])(
    'a 204 with headers "%s" leaves its connection usable',
    async (header) => {
      const endpoint = await shop.raw((socket) => socket.write(`HTTP/1.1 204 No Content\r\n${header}\r\n`));
      for (let i = 0; i < 3; i += 1) expect(await shop.post(endpoint.url)).toMatchObject({ ok: true });
      expect(endpoint.connections()).toBe(1);
    },
  );
});

describe('long answers', () => {
  const chunk = Buffer.alloc(65_536, 'x');

  it.each(['with a length', 'in chunks'])(
    'a body of 1 GB %s costs little memory and time, and counts as its status',
    async (how) => {
      const size = 2 ** 30;
      let sent = 0;
      const endpoint = await shop.http((_request, response) => {
        if (how === 'with a length') response.setHeader('content-length', size);
        const more = (): void => {
          while (sent < size && !response.destroyed) {
            sent += chunk.length;
            if (!response.write(chunk)) {
              response.once('drain', more);
              return;
            }
          }
          response.end();
        };
        more();
      });
      const before = process.memoryUsage().rss;
      const results = await Promise.all(
        Array.from({ length: 20 }, () => shop.post(endpoint.url, { timeoutMs: 20_000 })),
      );
      for (const result of results) {
        expect(result).toMatchObject({ ok: true, http_status: 200, response_body: 'x'.repeat(4096) });
        expect(result.duration_ms).toBeLessThan(10_000);
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(50e6);
      expect(sent).toBeLessThan(size / 4);
    },
  );

  it('a body below the cap is read to its end, so that the connection serves again', async () => {
    const endpoint = await shop.http((_request, response) => response.end(Buffer.alloc(60_000, 'x')));
    for (let i = 0; i < 3; i += 1) expect(await shop.post(endpoint.url)).toMatchObject({ ok: true });
    expect(endpoint.connections()).toBe(1);
  });
});
