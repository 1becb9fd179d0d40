import { once } from 'node:events';
import { connect } from 'node:net';
import { createTestClock, type TestClock } from '@milena/runtime';
import { createDemoReceiver, type DemoReceiver } from '../src/index.ts';

let clock: TestClock;
let receiver: DemoReceiver;
let url: string;

beforeEach(async () => {
  clock = createTestClock();
  receiver = createDemoReceiver({ host: '127.0.0.1', port: 0, clock, keep: 5 });
  ({ url } = await receiver.start());
});
afterEach(() => receiver.stop());

const send = (path: string, init: RequestInit = {}) =>
  fetch(url + path, { method: 'POST', body: '{}', redirect: 'manual', ...init });
const getJson = async (path: string): Promise<unknown> => (await fetch(url + path)).json();
const getList = async (query: string) => (await getJson(`/${query}`)) as { data: { path: string }[] };

async function untilTimerIsSet(): Promise<void> {
  while (clock.nextTimerAt() === null) await new Promise(setImmediate);
}

describe('answers as the path says', () => {
  it.each([
    ['/ok', 200],
    ['/ok/any/more', 200],
    ['/status/503', 503],
    ['/status/204', 204],
    ['/status/99', 400],
    ['/status/x', 400],
    ['/gone', 410],
    ['/retry-after', 429],
    ['/retry-after?status=503', 503],
    ['/flaky?p=0', 200],
    ['/flaky?p=1', 500],
    ['/redirect', 302],
    ['/', 404],
    ['/nothing', 404],
    ['/constructor', 404],
  ])('%s: %i', async (path, status) => {
    const response = await send(path);
    await response.arrayBuffer();
    expect(response.status).toBe(status);
    expect(receiver.received()[0]).toMatchObject({ path, status });
  });

  it('/slow answers once its time is over', async () => {
    const answer = send('/slow?ms=60000');
    await untilTimerIsSet();
    clock.advance(59_999);
    expect(clock.nextTimerAt()).not.toBeNull();
    clock.advance(1);
    expect((await answer).status).toBe(200);
  });

  it('/drip sends a byte at a time, to its end', async () => {
    const response = await send('/drip?ms=1000');
    expect(response.status).toBe(200);
    clock.advance(1000);
    expect(await response.text()).toBe('.'.repeat(10));
  });

  it('/drip without an end stops when the caller goes', async () => {
    const abort = new AbortController();
    const response = await send('/drip', { signal: abort.signal });
    expect(response.status).toBe(200);
    clock.advance(60_000);
    expect(clock.nextTimerAt()).not.toBeNull();
    abort.abort();
    while (clock.nextTimerAt() !== null) await new Promise(setImmediate);
  });

  it('/reset resets before the reply, or after its headers', async () => {
    await expect(send('/reset')).rejects.toThrow();
    const response = await send('/reset?after=headers');
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect(receiver.received().map(({ status }) => status)).toEqual([200, null]);
  });

  it('/retry-after says when, in seconds or as a date', async () => {
    expect((await send('/retry-after?s=7')).headers.get('retry-after')).toBe('7');
    const dated = await send('/retry-after?s=90&date=1');
    expect(dated.headers.get('retry-after')).toBe('Thu, 01 Jan 2026 00:01:30 GMT');
  });

  it('/big sends as many bytes as asked for', async () => {
    expect((await (await send('/big?bytes=300001')).arrayBuffer()).byteLength).toBe(300_001);
    expect((await (await send('/big?bytes=0')).arrayBuffer()).byteLength).toBe(0);
  });

  it('/redirect points where it is told, in a header that is valid', async () => {
    const response = await send(`/redirect?to=${encodeURIComponent('http://x.test/ä b?c=%41\r\nx: y')}`);
    expect(response.headers.get('location')).toBe('http://x.test/%C3%A4%20b?c=%41%0D%0Ax:%20y');
  });

  it('/echo gives the body back byte for byte', async () => {
    const body = Buffer.from([0, 255, 10, 13, 195]);
    const response = await send('/echo', { body, headers: { 'content-type': 'a/b' } });
    expect(Buffer.from(await response.arrayBuffer())).toEqual(body);
    expect(response.headers.get('content-type')).toBe('a/b');
  });

  it('an unknown path is told which ones there are', async () => {
    const { paths } = (await (await send('/what')).json()) as { paths: string[] };
    expect(paths).toContain('/gone: 410');
    expect(paths).toHaveLength(11);
  });
});

describe('shows what it got', () => {
  it('newest first, with method, path, headers, body, answer and time', async () => {
    await send('/ok?n=1', { body: 'Grüße', headers: { 'Webhook-Id': 'a', 'content-type': 'text/plain' } });
    clock.advance(1500);
    await send('/gone', { method: 'PUT', body: Buffer.from([0xff, 0x00]) });
    const { data } = await getList('');
    expect(data).toEqual([
      {
        received_at: '2026-01-01T00:00:01.500Z',
        method: 'PUT',
        path: '/gone',
        headers: expect.objectContaining({ 'content-length': '2' }),
        body: '\uFFFD\u0000',
        body_base64: '/wA=',
        body_bytes: 2,
        status: 410,
      },
      {
        received_at: '2026-01-01T00:00:00.000Z',
        method: 'POST',
        path: '/ok?n=1',
        headers: expect.objectContaining({ 'webhook-id': 'a', 'content-type': 'text/plain' }),
        body: 'Grüße',
        body_base64: null,
        body_bytes: 7,
        status: 200,
      },
    ]);
  });

  it('a request is in the list by the time its answer is there', async () => {
    const answer = send('/slow?ms=1000');
    await untilTimerIsSet();
    expect(receiver.received()).toHaveLength(1);
    clock.advance(1000);
    await answer;
  });

  it('of one path, as many as asked for', async () => {
    for (const path of ['/ok?n=1', '/gone', '/ok?n=2', '/ok?n=3']) await send(path);
    const paths = async (query: string): Promise<string[]> =>
      (await getList(`?${query}`)).data.map((one) => one.path);
    expect(await paths('path=/ok&limit=2')).toEqual(['/ok?n=3', '/ok?n=2']);
    expect(await paths('path=/none')).toEqual([]);
    expect(await paths('limit=oops')).toHaveLength(4);
  });

  it('the newest are kept and of each body 64 KiB, while counts go on', async () => {
    for (let i = 0; i < 23; i += 1) await send(`/ok?n=${i}`, { headers: { 'webhook-id': `id-${i % 20}` } });
    expect(receiver.received().map(({ path }) => path)).toEqual(
      [22, 21, 20, 19, 18].map((n) => `/ok?n=${n}`),
    );
    await send('/echo', { body: 'x'.repeat(100_000), headers: { 'webhook-id': 'id-0' } });
    expect(receiver.received()[0]).toMatchObject({ body: 'x'.repeat(65_536), body_bytes: 100_000 });
    const truncated = false;
    expect(await getJson('/count')).toEqual({
      path: null,
      by: 'webhook-id',
      requests: 24,
      distinct: 20,
      truncated,
    });
    expect(await getJson('/count?path=/ok&by=webhook-id')).toMatchObject({
      path: '/ok',
      requests: 23,
      distinct: 20,
    });
    expect(receiver.count('/echo')).toEqual({ requests: 1, distinct: 1, truncated });
    expect(receiver.count('/none')).toEqual({ requests: 0, distinct: 0, truncated });
    expect((await fetch(`${url}/count?by=colour`)).status).toBe(400);
  });

  it('as a page in which nothing that came in can act', async () => {
    await send('/ok/<img>', { body: '<script>alert(1)</script>', headers: { 'x-a': '"><b>' } });
    for (const [path, accept] of [
      ['/?format=html', '*/*'],
      ['/', 'text/html,application/xhtml+xml'],
    ] as const) {
      const response = await fetch(url + path, { headers: { accept } });
      expect(response.headers.get('content-type')).toMatch(/^text\/html/);
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      const page = await response.text();
      expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
      expect(page).not.toMatch(/<script|<img|<b>/);
    }
  });

  it('DELETE forgets requests and counts', async () => {
    await send('/ok', { headers: { 'webhook-id': 'a' } });
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(204);
    expect((await getList('')).data).toEqual([]);
    expect(receiver.count()).toEqual({ requests: 0, distinct: 0, truncated: false });
  });
});

describe('start and stop', () => {
  it('a port that is taken is an error', async () => {
    const second = createDemoReceiver({ host: '127.0.0.1', port: Number(new URL(url).port), clock });
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('stop cuts connections and drips, and leaves no timer', async () => {
    const response = await send('/drip');
    const idle = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
    await once(idle, 'connect');
    const closed = once(idle.resume(), 'close');
    await receiver.stop();
    await closed;
    await expect(response.text()).rejects.toThrow();
    expect(clock.nextTimerAt()).toBeNull();
    ({ url } = await receiver.start());
  });
});
