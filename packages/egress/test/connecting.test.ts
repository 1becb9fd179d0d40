import { once } from 'node:events';
import { createTestClock } from '@milena/runtime';
import { createSsrfGuard, type PostRequest } from '../src/index.ts';
import { createWorkshop, makeCertificate, type Workshop } from './endpoints.ts';

let shop: Workshop;
beforeEach(() => {
  shop = createWorkshop();
});
afterEach(() => shop.close());

const to = (url: string, timeoutMs = 5000): PostRequest => ({
  url,
  headers: {},
  body: Buffer.from('{}'),
  timeoutMs,
});

describe('connecting', () => {
  it('a port nobody listens on is connect', async () => {
    const endpoint = await shop.http((_request, response) => response.end());
    endpoint.server.close();
    await once(endpoint.server, 'close');
    expect(await shop.post(endpoint.url)).toMatchObject({
      error_kind: 'connect',
      error_detail: `Could not connect to 127.0.0.1 port ${endpoint.port} (ECONNREFUSED).`,
    });
  });

  it('a name that does not exist is dns, asked of the system or of a given resolver', async () => {
    // A resolver that lost a packet asks again after five seconds.
    expect(await shop.post('http://nobody.invalid/', { timeoutMs: 20_000 })).toMatchObject({
      error_kind: 'dns',
      resolved_address: null,
    });
    const missing = Object.assign(new Error('no such host'), { code: 'ENOTFOUND' });
    const client = shop.client({ lookup: () => Promise.reject(missing) });
    expect((await client.post(to('http://gone.test/'))).error_detail).toBe(
      'Could not resolve gone.test (ENOTFOUND).',
    );
    const empty = shop.client({ lookup: () => Promise.resolve([]) });
    expect(await empty.post(to('http://gone.test/'))).toMatchObject({ error_kind: 'dns' });
  });

  it('when one of several addresses does not answer, the next one is used', async () => {
    const endpoint = await shop.http((_request, response) => response.end());
    const client = shop.client({ lookup: () => Promise.resolve(['::1', '127.0.0.1']) });
    const result = await client.post(to(`http://both.test:${endpoint.port}/`));
    expect(result).toMatchObject({ ok: true, resolved_address: '127.0.0.1' });
  });
});

describe('TLS', () => {
  const certificate = makeCertificate('hooks.test');
  const lookup = () => Promise.resolve(['127.0.0.1']);

  it('a certificate nobody vouches for is tls', async () => {
    const endpoint = await shop.https((_request, response) => response.end(), certificate);
    const result = await shop.client({ lookup }).post(to(`https://hooks.test:${endpoint.port}/`));
    expect(result).toMatchObject({ ok: false, error_kind: 'tls', http_status: null });
    expect(result.error_detail).toMatch(/SELF_SIGNED/);
    expect(endpoint.requests()).toBe(0);
  });

  it('a certificate for another name is tls', async () => {
    const endpoint = await shop.https((_request, response) => response.end(), certificate);
    const client = shop.client({ lookup, tls: { ca: certificate.cert } });
    const result = await client.post(to(`https://other.test:${endpoint.port}/`));
    expect(result).toMatchObject({ error_kind: 'tls' });
    expect(result.error_detail).toMatch(/ALTNAME/);
    expect(endpoint.requests()).toBe(0);
  });

  it('TLS with a server that speaks none is tls', async () => {
    const endpoint = await shop.http((_request, response) => response.end());
    const result = await shop.post(`https://127.0.0.1:${endpoint.port}/`);
    expect(result).toMatchObject({ error_kind: 'tls', http_status: null });
  });

  it('a trusted certificate works, is timed, and the next connection resumes the session', async () => {
    const endpoint = await shop.https((_request, response) => {
      response.writeHead(200, { connection: 'close' }).end('secure');
    }, certificate);
    const resumed: boolean[] = [];
    endpoint.server.on('secureConnection', (socket: { isSessionReused(): boolean }) => {
      resumed.push(socket.isSessionReused());
    });
    const client = shop.client({ lookup, tls: { ca: certificate.cert } });
    for (let i = 0; i < 2; i += 1) {
      const result = await client.post(to(`https://hooks.test:${endpoint.port}/`));
      expect(result).toMatchObject({
        ok: true,
        response_body: 'secure',
        timings: { tls_ms: expect.any(Number) },
      });
    }
    expect(resumed).toEqual([false, true]);
  });
});

describe('the guard, at connect', () => {
  const strict = createSsrfGuard({ allowedPrivate: [] });

  it.each([
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '0',
  ])('the literal %s is blocked_target and not connected to', async (host) => {
    const endpoint = await shop.http((_request, response) => response.end());
    const client = shop.client({ guard: strict });
    const result = await client.post(to(`http://${host}:${endpoint.port}/`));
    expect(result).toMatchObject({ ok: false, error_kind: 'blocked_target', http_status: null });
    expect(endpoint.connections()).toBe(0);
  });

  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '::1',
    '::ffff:127.0.0.1',
    'fe80::1%lo',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ])('a name that resolves to %s is blocked_target, although it passed at registration', async (address) => {
    const endpoint = await shop.http((_request, response) => response.end());
    const client = shop.client({ guard: strict, lookup: () => Promise.resolve([address]) });
    const url = `http://looks-public.test:${endpoint.port}/`;
    expect(strict.checkUrl(url)).toEqual({ ok: true });
    const result = await client.post(to(url));
    expect(result).toMatchObject({ ok: false, error_kind: 'blocked_target' });
    expect(result.error_detail).toMatch(/not public/);
    expect(endpoint.connections()).toBe(0);
  });

  it('a literal is checked at connect even when the check of the URL let it pass', async () => {
    const endpoint = await shop.http((_request, response) => response.end());
    const client = shop.client({ guard: { ...strict, checkUrl: () => ({ ok: true }) } });
    expect(await client.post(to(endpoint.url))).toMatchObject({ error_kind: 'blocked_target' });
    expect(endpoint.connections()).toBe(0);
  });

  it('the peer a socket really has is judged once more, before anything is sent', async () => {
    const verdicts = [{ ok: true as const }, { ok: false as const, reason: 'moved' }];
    const guard = { ...strict, addressAllowed: () => verdicts.shift()! };
    const endpoint = await shop.http((_request, response) => response.end());
    const client = shop.client({ guard, lookup: () => Promise.resolve(['127.0.0.1']) });
    const result = await client.post(to(`http://moves.test:${endpoint.port}/`));
    expect(result).toMatchObject({ error_kind: 'blocked_target', error_detail: 'Not sent: moved.' });
    expect(endpoint.requests()).toBe(0);
  });

  it('a name that changes its address between two connections is judged by the one of each connection', async () => {
    const clock = createTestClock();
    const guard = createSsrfGuard({ allowedPrivate: ['127.0.0.2/32'] });
    const answers = ['127.0.0.2', '127.0.0.1'];
    const client = shop.client({ guard, clock, lookup: () => Promise.resolve([answers.shift()!]) });
    const endpoint = await shop.http((_request, response) => {
      response.writeHead(200, { connection: 'close' }).end();
    }, '0.0.0.0');
    const url = `http://rebinds.test:${endpoint.port}/`;
    expect(await client.post(to(url))).toMatchObject({ ok: true, resolved_address: '127.0.0.2' });
    // The first answer still serves, so the second one can't be slipped in yet.
    expect(await client.post(to(url))).toMatchObject({ ok: true, resolved_address: '127.0.0.2' });
    clock.advance(30_000);
    expect(await client.post(to(url))).toMatchObject({ ok: false, error_kind: 'blocked_target' });
    expect(endpoint.connections()).toBe(2);
  });

  it('a kept answer is judged again for every connection', async () => {
    const verdicts = [{ ok: true as const }, { ok: true as const }, { ok: false as const, reason: 'banned' }];
    const guard = { ...strict, addressAllowed: () => verdicts.shift()! };
    let lookups = 0;
    const lookup = () => Promise.resolve(lookups++ === 0 ? ['127.0.0.1'] : []);
    const client = shop.client({ guard, lookup });
    const endpoint = await shop.http((_request, response) => {
      response.writeHead(200, { connection: 'close' }).end();
    });
    const url = `http://kept.test:${endpoint.port}/`;
    expect(await client.post(to(url))).toMatchObject({ ok: true });
    expect(await client.post(to(url))).toMatchObject({
      error_kind: 'blocked_target',
      error_detail: 'Not sent: banned.',
    });
    expect([lookups, endpoint.connections()]).toEqual([1, 1]);
  });

  it('of several addresses only the allowed ones are used', async () => {
    const guard = createSsrfGuard({ allowedPrivate: ['127.0.0.2/32'] });
    const client = shop.client({
      guard,
      lookup: () => Promise.resolve(['127.0.0.1', '::1', '127.0.0.2', '10.0.0.1']),
    });
    const endpoint = await shop.http((_request, response) => response.end(), '0.0.0.0');
    const result = await client.post(to(`http://mixed.test:${endpoint.port}/`));
    expect(result).toMatchObject({ ok: true, resolved_address: '127.0.0.2' });
  });

  it('URLs that no registration would have taken are blocked_target, not exceptions', async () => {
    for (const url of ['ftp://example.com/', 'nonsense', 'http://user:pw@example.com/']) {
      expect(await shop.post(url)).toMatchObject({ ok: false, error_kind: 'blocked_target' });
    }
  });
});
