import { randomBytes } from 'node:crypto';
import { createTestClock } from '@milena/runtime';
import { valueKey } from '../../src/cache/redis/keys.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeLiveStore, live } from '../support/live-store.ts';
import { fromStack } from '../support/stack.ts';
import { createTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { createListener } from '../invalidation-bus.conformance.ts';
import { isUp, newPrefix, openProcess, type Process } from './redis-support.ts';

const url = fromStack('REDIS_URL');
/** Of the code under test. */
const COMMAND_TIMEOUT_MS = 150;
const HEARTBEAT_MS = 1000;
const DEAF_TTL_MS = 3000;

/** `near` reaches Redis through a network that can fail, `far` by another way. */
describe('a Redis that fails', () => {
  const clock = createTestClock(Date.now());
  let fake: ReturnType<typeof createFakeLiveStore>;
  let proxy: TcpProxy;
  let near: Process;
  let far: Process;
  let prefix: string;

  beforeEach(async () => {
    prefix = newPrefix();
    fake = createFakeLiveStore();
    fake.rows.set('a', live('a'));
    proxy = await createTcpProxy(url);
    near = openProcess({ url: proxy.url, prefix, live: fake.store, clock });
    far = openProcess({ url, prefix, live: fake.store, clock });
    await Promise.all([near.up(), far.up()]);
  });
  afterEach(async () => {
    await Promise.all([near.close(), far.close()]);
    await proxy.close();
  });

  const versionOf = async (process: Process, id = 'a') =>
    (await process.directory.get(id))?.subscription.version;
  const change = (version: number) => fake.rows.set('a', live('a', { version }));

  /** Until the heartbeat went unanswered. */
  const noticeSilence = async (): Promise<void> => {
    clock.advance(HEARTBEAT_MS);
    clock.advance(HEARTBEAT_MS);
    await eventually('the silence is noticed', () => near.redis.channel.session() === null);
  };

  test('frozen: those who wait get the value from the store after one timeout, who comes later at once', async () => {
    proxy.freeze();
    const waiting = Array.from({ length: 100 }, () => near.live.load('a'));
    expect(fake.state.loads).toBe(0);
    clock.advance(COMMAND_TIMEOUT_MS);
    expect(await Promise.all(waiting)).toEqual(Array(100).fill(live('a')));
    // The clock stands still from here.
    expect(await near.live.load('a')).toEqual(live('a'));
    await near.directory.invalidate('a', 'default');
    expect(await near.lookups()).toMatchObject({ shared_away: 101 });
    proxy.thaw();
    await near.up();
    const { loads } = fake.state;
    await near.live.load('a');
    await near.live.load('a');
    expect(fake.state.loads).toBe(loads + 1);
  });

  test('frozen while it is told of a change: publish resolves after the timeout, and tells later', async () => {
    expect(await versionOf(far)).toBe(1);
    change(2);
    proxy.freeze();
    let told = false;
    const telling = near.directory.invalidate('a', 'default').then(() => (told = true));
    expect(told).toBe(false);
    clock.advance(COMMAND_TIMEOUT_MS);
    await telling;
    expect(await versionOf(near)).toBe(2);
    proxy.thaw();
    await eventually('the other hears of it', async () => (await versionOf(far)) === 2);
  });

  test('gone: reads and changes go on without it, and what changed is told when it is back', async () => {
    expect(await versionOf(far)).toBe(1);
    await proxy.cut();
    await eventually('it is noticed', () => !isUp(near.redis));
    change(2);
    await near.directory.invalidate('a', 'default');
    expect(await versionOf(near)).toBe(2);
    expect(await versionOf(far)).toBe(1);
    await proxy.restore();
    await eventually('the other hears of it', async () => (await versionOf(far)) === 2);
    await near.up();
    // What was shared before is worthless: a newcomer doesn't get it either.
    const newcomer = openProcess({ url, prefix, live: fake.store, clock });
    await newcomer.up();
    expect(await versionOf(newcomer)).toBe(2);
    await newcomer.close();
  });

  test('gone for long: it remembers the last thousand changes, and no command waits in line', async () => {
    const { heard, listener } = createListener();
    far.bus.subscribe(listener);
    await proxy.cut();
    await eventually('it is noticed', () => !isUp(near.redis));
    const ids = Array.from({ length: 2500 }, (_, index) => `id-${index}`);
    await Promise.all(ids.map((id) => near.bus.publish(id, 't')));
    await proxy.restore();
    await eventually('they are told', () => heard.length >= 1000);
    expect(heard).toEqual(ids.slice(-1000).map((id) => `${id}/t`));
  });

  test('a change missed while the channel was broken is seen as soon as it is whole again', async () => {
    expect(await versionOf(near)).toBe(1);
    await proxy.cut();
    await eventually('it is noticed', () => near.redis.channel.session() === null);
    change(2);
    await far.directory.invalidate('a', 'default');
    expect(await versionOf(near)).toBe(1);
    await proxy.restore();
    await eventually('it is seen', async () => (await versionOf(near)) === 2);
  });

  test('a channel gone silent is noticed by its heartbeat, and copies are renewed after seconds from then on', async () => {
    expect(await versionOf(near)).toBe(1);
    proxy.freeze();
    await noticeSilence();
    change(2);
    await far.directory.invalidate('a', 'default');
    clock.advance(DEAF_TTL_MS - 1);
    expect(await versionOf(near)).toBe(1);
    clock.advance(DEAF_TTL_MS + 1);
    const renewed = versionOf(near);
    clock.advance(COMMAND_TIMEOUT_MS);
    expect(await renewed).toBe(2);
  });

  test('what was read before Redis lost its memory is not shared after it', async () => {
    const letGo = fake.hold();
    const early = near.live.load('a');
    await eventually('the reader has read', () => fake.state.loads === 1);
    fake.state.gate = Promise.resolve();
    change(2);
    await far.bus.publish('a', 'default');
    await proxy.cut();
    await forgetEverything();
    await proxy.restore();
    await near.up();
    letGo();
    expect((await early)?.subscription.version).toBe(1);
    expect((await far.live.load('a'))?.subscription.version).toBe(2);
    expect((await near.live.load('a'))?.subscription.version).toBe(2);
  });

  async function forgetEverything(): Promise<void> {
    await far.redis.commands.run(async (client) => {
      const keys = await client.keys(`${prefix}:*`);
      await client.del(...keys);
    });
  }

  test('news in words that nobody here knows makes every copy be renewed', async () => {
    expect(await versionOf(near)).toBe(1);
    await far.redis.commands.run((client) => client.publish(`${prefix}:invalidations`, '{"v":9}'));
    await eventually('it was asked for anew', async () => {
      await versionOf(near);
      return ((await near.lookups())['shared_hit'] ?? 0) > 0;
    });
  });

  test('an outage is two lines in the log, however long and however often it is met', async () => {
    const ofRedis = () => near.lines.filter(({ event }) => event === 'redis.unavailable');
    expect(ofRedis()).toEqual([]);
    for (let round = 0; round < 3; round += 1) {
      await proxy.cut();
      await eventually('it is noticed', () => !isUp(near.redis));
      await Promise.all(Array.from({ length: 20 }, () => near.live.load('a')));
      await proxy.restore();
      await near.up();
    }
    expect(ofRedis()).toMatchObject([{ level: 'warn', reason: expect.any(String) }]);
    // Heartbeats are due on the way.
    for (let second = 0; second < 6; second += 1) {
      clock.advance(999);
      await near.redis.check();
    }
    await eventually('it is over', () => ofRedis().length === 2);
    expect(ofRedis()[1]).toMatchObject({ level: 'info', over: true });
    expect(JSON.stringify(near.lines)).not.toContain(new URL(url).password || 'no password');
  });

  test('closing leaves no connection behind, whatever state Redis is in', async () => {
    const others = await Promise.all([createTcpProxy(url), createTcpProxy(url), createTcpProxy(url)]);
    const [frozen, cut, fine] = others;
    const processes = others.map((other) => openProcess({ url: other.url, prefix, live: fake.store, clock }));
    await Promise.all(processes.map((one) => one.up()));
    frozen.freeze();
    await cut.cut();
    const reads = processes.map((one) => one.live.load('a'));
    await Promise.all(processes.map((one) => one.close()));
    expect(await Promise.all(reads)).toEqual(Array(3).fill(live('a')));
    frozen.thaw();
    await Promise.all([frozen.close(), fine.close()]);
    expect(processes.some((one) => isUp(one.redis))).toBe(false);
  });

  describe('what lies in Redis', () => {
    const dump = () =>
      far.redis.commands.run(async (client) => {
        const keys = await client.keys(`${prefix}:*`);
        return Promise.all(
          keys.map(async (key) => ({ key, ttl: await client.pttl(key), value: await client.getBuffer(key) })),
        );
      });

    test('no secret, header or address is in it, and all of it expires within two minutes', async () => {
      const secret = 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=';
      const target_url = 'https://hidden.example.com/';
      fake.rows.set('s', { ...live('s', { target_url }), secrets: [{ value: secret, expires_at: null }] });
      await near.directory.ofTenant('default');
      await near.directory.invalidate('s', 'default');
      await near.live.load('s');
      const entries = await dump();
      expect(entries.length).toBeGreaterThan(4);
      for (const { value, ttl } of entries) {
        expect(value?.toString('latin1')).not.toMatch(/whsec_|hidden/);
        expect(ttl).toBeGreaterThan(0);
        expect(ttl).toBeLessThanOrEqual(120_000);
      }
      expect((await far.live.load('s'))?.secrets).toEqual([{ value: secret, expires_at: null }]);
    });

    test('a value under another SECRETS_KEY, of another subscription, or that was touched is read anew', async () => {
      await near.live.load('a');
      const key = valueKey(prefix, 'subscription', 'a');
      const sealed = await far.redis.commands.run((client) => client.getBuffer(key));
      const broken = Buffer.from(sealed!);
      broken[broken.length - 1]! ^= 1;
      const put = (id: string, value: Buffer) =>
        far.redis.commands.run((client) =>
          client.set(valueKey(prefix, 'subscription', id), value, 'PX', 60_000),
        );
      const { loads } = fake.state;
      fake.rows.set('b', live('b'));
      await put('b', sealed!);
      expect(await far.live.load('b')).toEqual(live('b'));
      for (const value of [broken, Buffer.alloc(0), randomBytes(20), Buffer.from('{}')]) {
        await put('a', value);
        expect(await far.live.load('a')).toEqual(live('a'));
      }
      const other = openProcess({ url, prefix, live: fake.store, clock, secretsKey: randomBytes(32) });
      await other.up();
      expect(await other.live.load('a')).toEqual(live('a'));
      await other.close();
      expect(fake.state.loads).toBe(loads + 6);
    });

    test('a value as large as a megabyte is not shared', async () => {
      fake.rows.set('a', { ...live('a'), cancelled: new Set([randomBytes(600_000).toString('hex')]) });
      await near.live.load('a');
      await near.live.load('a');
      expect(fake.state.loads).toBe(2);
    });
  });
});
