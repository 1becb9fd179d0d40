import { createHash, randomBytes } from 'node:crypto';
import { createTestClock } from '@milena/runtime';
import { createWorkshop, type Workshop } from './endpoints.ts';

let shop: Workshop;
beforeEach(() => {
  shop = createWorkshop();
});
afterEach(() => shop.close());

describe('what is sent', () => {
  it('the body goes out byte for byte, with the headers as given and our user agent', async () => {
    let seen: unknown;
    const hash = createHash('sha256');
    const endpoint = await shop.http((request, response) => {
      request.on('data', (chunk: Buffer) => hash.update(chunk));
      request.on('end', () => {
        seen = { method: request.method, url: request.url, headers: request.headers };
        response.end();
      });
    });
    const body = randomBytes(262_144);
    const client = shop.client({ userAgent: 'Milena/9.9' });
    const result = await client.post({
      url: `http://127.0.0.1:${endpoint.port}/a%20b/?q=1&q=%C3%A9#fragment`,
      headers: { 'content-type': 'application/json', 'X-Custom': 'Grüße', 'webhook-id': 'e1' },
      body,
      timeoutMs: 5000,
    });
    expect(result).toMatchObject({ ok: true, http_status: 200, error_kind: null, error_detail: '' });
    expect(hash.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
    expect(seen).toEqual({
      method: 'POST',
      url: '/a%20b/?q=1&q=%C3%A9',
      headers: {
        host: `127.0.0.1:${endpoint.port}`,
        connection: 'keep-alive',
        'content-type': 'application/json',
        'content-length': '262144',
        'user-agent': 'Milena/9.9',
        'webhook-id': 'e1',
        'x-custom': 'Grüße',
      },
    });
  });

  it('an empty body is sent as one', async () => {
    let length: string | undefined;
    const endpoint = await shop.http((request, response) => {
      length = request.headers['content-length'];
      response.end();
    });
    expect(await shop.post(endpoint.url, { body: Buffer.alloc(0) })).toMatchObject({ ok: true });
    expect(length).toBe('0');
  });

  it('a header that can not be sent is our fault, not the endpoint’s: the post rejects and nothing goes out', async () => {
    const endpoint = await shop.http((_request, response) => response.end());
    await expect(shop.post(endpoint.url, { headers: { 'x-a': 'line\r\nbreak' } })).rejects.toThrow(/x-a/);
    await expect(shop.post(endpoint.url, { headers: { expect: '100-continue' } })).rejects.toThrow(/expect/);
    expect(endpoint.requests()).toBe(0);
    expect(await shop.post(endpoint.url)).toMatchObject({ ok: true });
  });
});

describe('what comes back', () => {
  it.each([200, 201, 202, 204, 299])('%i is success', async (status) => {
    const endpoint = await shop.http((_request, response) => response.writeHead(status).end());
    expect(await shop.post(endpoint.url)).toMatchObject({ ok: true, http_status: status, error_kind: null });
  });

  it.each([300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503, 599])(
    '%i is http_status',
    async (status) => {
      const endpoint = await shop.http((_request, response) => response.writeHead(status).end('no'));
      const result = await shop.post(endpoint.url);
      expect(result).toMatchObject({ ok: false, http_status: status, error_kind: 'http_status' });
      expect(result.error_detail).toContain(`answered ${status}`);
    },
  );

  it('a redirect is reported with its location and not followed', async () => {
    const other = await shop.http((_request, response) => response.end());
    const endpoint = await shop.http((_request, response) =>
      response.writeHead(302, { location: other.url }).end(),
    );
    const result = await shop.post(endpoint.url);
    expect(result).toMatchObject({ http_status: 302, error_kind: 'http_status' });
    expect(result.error_detail).toBe(
      `The endpoint answered 302 Found (to ${other.url}); redirects are not followed.`,
    );
    expect(endpoint.requests()).toBe(1);
    expect(other.requests()).toBe(0);
  });

  it('response headers are lower-cased, values of one name joined, Retry-After given as received', async () => {
    const endpoint = await shop.http((_request, response) => {
      response.setHeader('X-Multi', ['a', 'b']);
      response.setHeader('Set-Cookie', ['c=1', 'd=2']);
      response.setHeader('Retry-After', 'Fri, 31 Dec 2027 23:59:59 GMT');
      response.setHeader('__proto__', 'x');
      response.writeHead(429).end();
    });
    const result = await shop.post(endpoint.url);
    expect(result.retry_after).toBe('Fri, 31 Dec 2027 23:59:59 GMT');
    expect(result.response_headers).toMatchObject({ 'x-multi': 'a, b', 'set-cookie': 'c=1, d=2' });
    expect(Object.getPrototypeOf(result.response_headers)).toBe(Object.prototype);
  });

  it('of many response headers 8 KiB are kept', async () => {
    const endpoint = await shop.http((_request, response) => {
      for (let i = 0; i < 12; i += 1) response.setHeader(`x-${i}`, 'v'.repeat(1000));
      response.end();
    });
    const result = await shop.post(endpoint.url);
    expect(result.ok).toBe(true);
    expect(JSON.stringify(result.response_headers).length).toBeLessThan(8500);
    expect(result.response_headers['x-7']).toHaveLength(1000);
  });

  it('the first 4 KiB of a body are kept as text, without half a character at the cut', async () => {
    const endpoint = await shop.http((_request, response) => response.end('x' + 'é'.repeat(10_000)));
    const result = await shop.post(endpoint.url);
    expect(result.response_body).toBe('x' + 'é'.repeat(2047));
  });

  it('a body that is no UTF-8 becomes text all the same', async () => {
    const endpoint = await shop.http((_request, response) =>
      response.end(Buffer.from([0x61, 0xff, 0xfe, 0x62])),
    );
    expect((await shop.post(endpoint.url)).response_body).toBe('a\uFFFD\uFFFDb');
  });

  it('a body in many small pieces is put together', async () => {
    const endpoint = await shop.raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      for (const letter of 'many pieces') socket.write(`1\r\n${letter}\r\n`);
      socket.write('0\r\n\r\n');
    });
    expect(await shop.post(endpoint.url)).toMatchObject({ ok: true, response_body: 'many pieces' });
  });

  it('a body that ends with the connection is complete', async () => {
    const endpoint = await shop.raw((socket) => {
      socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end');
    });
    expect(await shop.post(endpoint.url)).toMatchObject({ ok: true, response_body: 'until the end' });
  });

  it('early hints before the answer are passed over', async () => {
    const endpoint = await shop.raw((socket) => {
      socket.write(
        'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      );
    });
    const result = await shop.post(endpoint.url);
    expect(result).toMatchObject({ ok: true, http_status: 200, response_body: 'ok' });
    expect(result.response_headers).toEqual({ 'content-length': '2' });
  });

  it('the result says when it began, how long it took and which phases a new and a reused connection had', async () => {
    const clock = createTestClock();
    const client = shop.client({ clock });
    const endpoint = await shop.http((_request, response) => response.end());
    const request = {
      url: `http://localhost:${endpoint.port}/`,
      headers: {},
      body: Buffer.from('{}'),
      timeoutMs: 5000,
    };
    const first = await client.post(request);
    clock.advance(1000);
    const second = await client.post(request);
    expect(first.started_at).toBe(Date.UTC(2026, 0, 1));
    expect(second.started_at - first.started_at).toBe(1000);
    const { dns_ms, connect_ms, tls_ms, first_byte_ms } = first.timings;
    expect([typeof dns_ms, typeof connect_ms, tls_ms, typeof first_byte_ms]).toEqual([
      'number',
      'number',
      null,
      'number',
    ]);
    expect(first.duration_ms).toBeGreaterThanOrEqual(dns_ms! + connect_ms! + first_byte_ms!);
    expect(second.timings).toEqual({
      dns_ms: null,
      connect_ms: null,
      tls_ms: null,
      first_byte_ms: expect.any(Number),
    });
    expect([first.resolved_address, second.resolved_address]).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(endpoint.connections()).toBe(1);
  });
});
