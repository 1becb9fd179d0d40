import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createTestClock } from '@milena/runtime';
import { HttpPostClosedError, type PostRequest } from '../src/index.ts';
import { createWorkshop, type Workshop } from './endpoints.ts';

let shop: Workshop;
beforeEach(() => {
  shop = createWorkshop();
});
afterEach(() => shop.close());

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const to = (url: string, timeoutMs = 5000): PostRequest => ({
  url,
  headers: {},
  body: Buffer.from('{}'),
  timeoutMs,
});

describe('connections kept alive', () => {
  it('a connection the peer closed between two posts costs the next one nothing', async () => {
    const closed: Promise<unknown>[] = [];
    const endpoint = await shop.raw((socket) => {
      closed.push(once(socket, 'close'));
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', () => socket.end());
    });
    for (let i = 1; i <= 5; i += 1) {
      expect(await shop.post(endpoint.url)).toMatchObject({ ok: true });
      await Promise.all(closed);
    }
    expect(endpoint.requests()).toBe(5);
  });

  it('after a process was held up no connection is used that its peer may have closed since', async () => {
    const clock = createTestClock();
    const client = shop.client({ clock });
    const closed: Promise<unknown>[] = [];
    const endpoint = await shop.http((_request, response) => setTimeout(() => response.end('ok'), 20));
    endpoint.server.on('connection', (socket) => closed.push(once(socket, 'close')));
    const three = () => Promise.all([1, 2, 3].map(() => client.post(to(endpoint.url))));
    await three();
    clock.advance(4000);
    await three();
    expect(endpoint.connections()).toBe(3);
    // undici's timers did not fire: to them no time has passed.
    clock.advance(4001);
    expect(await three()).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
    expect(endpoint.connections()).toBe(6);
    await Promise.all(closed.slice(0, 3));
  });

  it('a kept connection does not keep what was sent on it', async () => {
    const client = shop.client();
    const endpoint = await shop.http((_request, response) => response.end('ok'));
    const send = async (): Promise<WeakRef<PostRequest>> => {
      const request = to(endpoint.url);
      expect(await client.post(request)).toMatchObject({ ok: true });
      return new WeakRef(request);
    };
    const sent = await send();
    // What a promise or a timer of this turn still holds goes with the next ones.
    for (let turn = 0; turn < 5 && sent.deref() !== undefined; turn += 1) {
      await pause(20);
      collectGarbage();
    }
    expect(sent.deref()).toBeUndefined();
    await send();
    expect(endpoint.connections()).toBe(1);
  });

  it('a request lost on a kept connection is reported as reset and not sent again', async () => {
    const endpoint = await shop.raw((socket, request) => {
      if (request === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      else socket.resetAndDestroy();
    });
    expect(await shop.post(endpoint.url)).toMatchObject({ ok: true });
    expect(await shop.post(endpoint.url)).toMatchObject({ ok: false, error_kind: 'reset' });
    expect(endpoint.requests()).toBe(2);
    expect(endpoint.connections()).toBe(1);
  });

  it('however peers close, the target never sees more requests than were posted', async () => {
    const endpoint = await shop.raw((socket, request) => {
      if (request % 3 === 0) socket.destroy();
      else if (request % 3 === 1) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      else socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    });
    const lane = async (): Promise<number> => {
      let answered = 0;
      for (let i = 0; i < 50; i += 1) if ((await shop.post(endpoint.url)).http_status === 200) answered += 1;
      return answered;
    };
    const answered = await Promise.all([lane(), lane(), lane(), lane()]);
    expect(endpoint.requests()).toBeLessThanOrEqual(200);
    expect(answered.reduce((sum, one) => sum + one)).toBeGreaterThan(80);
  });

  it('a thousand posts at once are all answered, and after close no socket is left', async () => {
    let open = 0;
    const note = (message: unknown): void => {
      open += 1;
      (message as { socket: Socket }).socket.once('close', () => {
        open -= 1;
      });
    };
    const client = shop.client();
    const endpoint = await shop.http((_request, response) => response.end('ok'));
    subscribe('net.client.socket', note);
    const results = await Promise.all(
      Array.from({ length: 1000 }, () => client.post(to(endpoint.url, 20_000))),
    );
    unsubscribe('net.client.socket', note);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1000);
    expect(endpoint.requests()).toBe(1000);
    expect(open).toBeGreaterThan(0);
    await client.close();
    expect(open).toBe(0);
  });

  it('connections that their peers closed take no room: after 1,100 of them a new one is still kept', async () => {
    const client = shop.client({ lookup: () => Promise.resolve(['127.0.0.1']) });
    const endpoint = await shop.raw((socket, request) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      if (request <= 1100) socket.end();
    });
    for (let i = 0; i < 1100; i += 50) {
      const hosts = Array.from({ length: 50 }, (_, n) => `http://host-${i + n}.test:${endpoint.port}/`);
      const results = await Promise.all(hosts.map((host) => client.post(to(host))));
      expect(results.filter(({ ok }) => ok)).toHaveLength(50);
    }
    const before = endpoint.connections();
    const fresh = to(`http://fresh.test:${endpoint.port}/`);
    for (let i = 0; i < 3; i += 1) expect(await client.post(fresh)).toMatchObject({ ok: true });
    expect(endpoint.connections() - before).toBe(1);
  });

  it('close cuts short what is under way, and says that it was not the endpoint', async () => {
    const client = shop.client({
      lookup: (name) =>
        name === 'hangs.test' ? new Promise(() => undefined) : Promise.resolve(['127.0.0.1']),
    });
    const endpoint = await shop.raw(() => undefined);
    const posts = [client.post(to(endpoint.url)), client.post(to('http://hangs.test/'))];
    const outcomes = Promise.allSettled(posts);
    await endpoint.whenRequests(1);
    await client.close();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(HttpPostClosedError) });
    }
    await expect(client.post(to(endpoint.url))).rejects.toBeInstanceOf(HttpPostClosedError);
  });
});
