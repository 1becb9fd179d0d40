import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createTestClock, createLogger } from '@milena/runtime';
import { openRedis } from '../../src/cache/index.ts';
import { createListener } from '../invalidation-bus.conformance.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeLiveStore, live } from '../support/live-store.ts';
import { isUp, newPrefix, openProcess } from './redis-support.ts';

/** Accepts, and answers each piece that it reads with `reply`; null = never answers. */
async function openServer(reply: string | null) {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', () => reply !== null && socket.write(reply));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accepted: () => accepted,
    open: () => sockets.size,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

describe.each([
  ['refuses connections', 'closed'],
  ['accepts and never answers', null],
  ['answers that it is full', "-OOM command not allowed when used memory > 'maxmemory'.\r\n"],
  ['answers that it is a replica', "-READONLY You can't write against a read only replica.\r\n"],
  ['is something else', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
])('a Redis that from the start %s', (_name, reply) => {
  const setUp = async () => {
    const server = await openServer(reply === 'closed' ? null : reply);
    if (reply === 'closed') await server.close();
    const clock = createTestClock();
    const fake = createFakeLiveStore();
    fake.rows.set('a', live('a'));
    const process = openProcess({ url: server.url, prefix: newPrefix(), live: fake.store, clock });
    const close = async () => {
      await process.close();
      if (reply !== 'closed') await server.close();
    };
    return { ...process, server, clock, fake, close };
  };

  test('delays no read and no change, and copies live for seconds only', async () => {
    const { directory, fake, clock, redis, close } = await setUp();
    expect(await directory.get('a')).toEqual(live('a'));
    expect(await directory.ofTenant('default')).toHaveLength(1);
    fake.rows.set('a', live('a', { version: 2 }));
    await directory.invalidate('a', 'default');
    expect((await directory.get('a'))?.subscription.version).toBe(2);
    fake.rows.set('a', live('a', { version: 3 }));
    clock.advance(6000);
    expect((await directory.get('a'))?.subscription.version).toBe(3);
    expect(isUp(redis)).toBe(false);
    await expect(redis.check()).rejects.toThrow();
    await close();
  });

  test('is tried again and again, with one line in the log and no more than two connections at once', async () => {
    const { server, lines, clock, close } = await setUp();
    if (reply !== 'closed')
      await eventually('several tries', () => {
        // So that deadlines pass.
        clock.advance(150);
        return server.accepted() >= 6;
      });
    await eventually('it is logged', () => lines.length > 0);
    expect(lines).toMatchObject([{ event: 'redis.unavailable', level: 'warn' }]);
    expect(server.open()).toBeLessThanOrEqual(2);
    await close();
  });
});

test('a listener learns at once that the channel is not there yet', async () => {
  const server = await openServer(null);
  const one = openProcess({
    url: server.url,
    prefix: newPrefix(),
    live: createFakeLiveStore().store,
    clock: createTestClock(),
  });
  const { heard, listener } = createListener();
  one.bus.subscribe(listener);
  expect(heard).toEqual(['lost']);
  await one.close();
  await server.close();
});

test('an address of something else is refused at once', () => {
  const logger = createLogger({ service: 'test', level: 'silent' });
  expect(() => openRedis({ url: 'http://127.0.0.1:1', clock: createTestClock(), logger })).toThrow(TypeError);
});
