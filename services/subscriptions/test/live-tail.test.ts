import { createLogger, createTestClock } from '@milena/runtime';
import { createLiveTail, type LiveTail } from '../src/live-tail/live-tail.ts';
import type { Follower } from '../src/live-tail/room.ts';
import { attemptView, createFakeAttempts, ids } from './support/fakes.ts';

const one: Follower = { name: 'one', tenant_id: null };

function setUp(bounds = { all: 3, each: 3 }) {
  const clock = createTestClock();
  const attempts = createFakeAttempts();
  const logger = createLogger({ service: 'test', level: 'silent' });
  const tail = createLiveTail({ attempts: attempts.reader, clock, logger, bounds });
  const listen: LiveTail['listen'] = (...call) => tail.of(one).listen(...call);
  return { clock, attempts, tail, listen };
}

/** Lets whatever is resolved run to its end. */
const settle = () => new Promise((resolve) => setImmediate(resolve));
const store = (attempts: ReturnType<typeof createFakeAttempts>, count: number, over = {}): void => {
  const from = attempts.stored.length;
  for (let i = 0; i < count; i += 1) attempts.stored.push(attemptView({ id: `a${from + i}`, ...over }));
};

/** Reads a stream into an array as fast as it comes. */
function collect(stream: AsyncIterable<string>) {
  const texts: string[] = [];
  const ended = (async () => {
    for await (const text of stream) texts.push(text);
  })();
  const seen = (): string[] => texts.flatMap((text) => /"id":"(a\d+)"/.exec(text)?.[1] ?? []);
  return { texts, ended, seen };
}
/** Of a client that stays. */
const staying = (): AbortSignal => new AbortController().signal;

/** A poll that was full is followed by the next at once: small steps let both happen. */
async function pass(clock: ReturnType<typeof createTestClock>, ms: number) {
  for (let left = ms; left > 0; left -= 100) {
    clock.advance(100);
    await settle();
  }
}

test('whatever is stored after joining arrives once, in order, and nothing from before', async () => {
  const { clock, attempts, listen } = setUp();
  store(attempts, 3);
  const { seen } = collect(await listen({}, null, staying()));
  store(attempts, 2);
  await pass(clock, 500);
  store(attempts, 1200);
  await pass(clock, 1000);
  expect(seen()).toEqual(Array.from({ length: 1202 }, (_, i) => `a${i + 3}`));
});

test('each gets what it chose', async () => {
  const { clock, attempts, listen } = setUp();
  const mine = collect(await listen({ subscription_id: ids.unknown }, null, staying()));
  const good = collect(await listen({ outcome: 'success' }, null, staying()));
  store(attempts, 1, { subscription_id: ids.unknown });
  store(attempts, 1, { outcome: 'success' });
  await pass(clock, 500);
  expect([mine.seen(), good.seen()]).toEqual([['a0'], ['a1']]);
});

test('one poll serves all, and none is made while nobody listens', async () => {
  const { clock, attempts, tail, listen } = setUp();
  const controllers = [new AbortController(), new AbortController()];
  const streams = [];
  for (const { signal } of controllers) streams.push(collect(await listen({}, null, signal)));
  await pass(clock, 1500);
  expect(attempts.tails).toHaveLength(1 + 3);
  for (const controller of controllers) controller.abort();
  await Promise.all(streams.map(({ ended }) => ended));
  expect(tail.listeners()).toBe(0);
  expect(clock.nextTimerAt()).toBeNull();
  collect(await listen({}, null, staying()));
  await pass(clock, 500);
  expect(attempts.tails.slice(4)).toEqual([null, 'm0']);
});

test('a client that comes back gets what it missed, and nothing twice where past and present meet', async () => {
  const { clock, attempts, listen } = setUp();
  const first = new AbortController();
  const before = collect(await listen({}, null, first.signal));
  store(attempts, 2);
  await pass(clock, 500);
  first.abort();
  await before.ended;
  const lastId = [...before.texts.join('').matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
  store(attempts, 700);
  const stream = await listen({}, lastId, staying());
  store(attempts, 50);
  await pass(clock, 500);
  const after = collect(stream);
  await settle();
  await pass(clock, 500);
  expect(after.seen()).toEqual(Array.from({ length: 750 }, (_, i) => `a${i + 2}`));
});

test('a client that does not read is let go, with a last event that says why', async () => {
  const { clock, attempts, tail, listen } = setUp();
  const quick = collect(await listen({}, null, staying()));
  const stream = await listen({}, null, staying());
  store(attempts, 1500);
  await pass(clock, 1500);
  expect(tail.listeners()).toBe(1);
  const slow = collect(stream);
  await slow.ended;
  expect(slow.texts.at(-1)).toMatch(/^event: closed\ndata: .*too slowly/);
  expect(slow.seen()).toEqual([]);
  expect(quick.seen()).toHaveLength(1500);
});

test('silence is broken every 15 s, with the mark to resume from', async () => {
  const { clock, listen } = setUp();
  const { texts } = collect(await listen({}, null, staying()));
  await pass(clock, 45_000);
  expect(texts.filter((text) => text === ': alive\nid: m0\n\n')).toHaveLength(3);
});

/** Every mark that a client was sent. */
const marksOf = (texts: readonly string[]): string[] =>
  [...texts.join('').matchAll(/^id: (.*)$/gm)].flatMap(([, mark]) => mark ?? []);

describe('to a client that is bound to a tenant', () => {
  const mine = { tenant_id: 'mine' };

  test('no mark names an attempt of another, neither live nor in a heartbeat, and none is lost or doubled', async () => {
    const { clock, attempts, listen } = setUp();
    const { texts, seen } = collect(await listen(mine, null, staying()));
    store(attempts, 1, mine);
    // The mark of the first batch is that of its last attempt, a499.
    store(attempts, 600);
    clock.advance(500);
    await settle();
    expect([seen(), marksOf(texts)]).toEqual([['a0'], ['m0']]);
    await pass(clock, 500);
    expect(marksOf(texts)).toEqual(['m0', 'm601']);
    const again = collect(await listen(mine, marksOf(texts).at(-1) ?? '', staying()));
    store(attempts, 1, mine);
    await pass(clock, 500);
    expect(again.seen()).toEqual(['a601']);
  });

  test('the mark of a full batch is sent when its last attempt is one of its own', async () => {
    const { clock, attempts, listen } = setUp();
    const { texts } = collect(await listen(mine, null, staying()));
    store(attempts, 499);
    store(attempts, 1, mine);
    store(attempts, 100);
    await pass(clock, 500);
    expect(marksOf(texts)).toEqual(['m0', 'm500']);
  });

  test('a heartbeat, and the mark of a stream that begins, name none either while more is to come', async () => {
    const { clock, attempts, listen } = setUp();
    const first = collect(await listen(mine, null, staying()));
    await pass(clock, 14_400);
    store(attempts, 600);
    const reader = { ...attempts.reader };
    // The second poll does not answer until the heartbeat is over.
    let answer: () => void = () => undefined;
    attempts.reader.tail = async (mark, limit, tenantId) => {
      if (mark === 'm500') await new Promise<void>((resolve) => (answer = resolve));
      return reader.tail(mark, limit, tenantId);
    };
    await pass(clock, 700);
    expect([first.texts.at(-1), marksOf(first.texts)]).toEqual([': alive\n\n', ['m0']]);
    const second = collect(await listen(mine, null, staying()));
    await settle();
    expect(marksOf(second.texts)).toEqual(['m600']);
    answer();
    await pass(clock, 15_000);
    expect(marksOf(first.texts).at(-1)).toBe('m600');
  });

  test('what it missed comes with marks of its own attempts only', async () => {
    const { attempts, listen } = setUp();
    for (let i = 0; i < 600; i += 1) {
      store(attempts, 1, mine);
      store(attempts, 1);
    }
    const { texts, seen } = collect(await listen(mine, 'm0', staying()));
    for (let i = 0; i < 10; i += 1) await settle();
    expect(seen()).toEqual(Array.from({ length: 600 }, (_, i) => `a${2 * i}`));
    expect(marksOf(texts)).toEqual(['m999', 'm1200']);
  });
});

test('while nothing comes the poller asks from the same mark, so that an insert that took long is still seen', async () => {
  const { clock, attempts, listen } = setUp();
  const { texts, seen } = collect(await listen({}, null, staying()));
  const reader = { ...attempts.reader };
  attempts.reader.tail = async (mark, limit) => ({ ...(await reader.tail(mark, limit)), mark: 'm1' });
  await pass(clock, 1000);
  store(attempts, 1);
  await pass(clock, 15_000);
  expect([seen(), texts.at(-1)]).toEqual([['a0'], ': alive\nid: m1\n\n']);
});

test('a store that is away for a while costs time and nothing else', async () => {
  const { clock, attempts, listen } = setUp();
  const { seen } = collect(await listen({}, null, staying()));
  attempts.state.failing = new Error('away');
  store(attempts, 1);
  await pass(clock, 3000);
  expect(seen()).toEqual([]);
  attempts.state.failing = null;
  await pass(clock, 500);
  expect(seen()).toEqual(['a0']);
});

test('whoever comes while the store is away, or with a foreign mark, is refused and leaves no trace', async () => {
  const { clock, attempts, tail, listen } = setUp();
  attempts.state.failing = new Error('away');
  await expect(listen({}, null, staying())).rejects.toThrow('away');
  attempts.state.failing = null;
  await expect(listen({}, 'foreign', staying())).rejects.toThrow('no such mark');
  expect([tail.listeners(), clock.nextTimerAt()]).toEqual([0, null]);
});

const key = (name: string, tenant_id: string | null = null): Follower => ({ name, tenant_id });

test('there is room for so many and no more', async () => {
  const { tail } = setUp({ all: 2, each: 2 });
  const controller = new AbortController();
  const join = (name: string, signal = staying()) => tail.of(key(name)).listen({}, null, signal);
  collect(await join('k1', controller.signal));
  collect(await join('k2'));
  await expect(join('k3')).rejects.toMatchObject({ status: 503, message: expect.stringContaining('all') });
  controller.abort();
  await join('k3');
});

test('one caller leaves room for others: a tenant with all its keys, or a key that is bound to none', async () => {
  const { tail } = setUp({ all: 5, each: 2 });
  const join = (follower: Follower, signal = staying()) => tail.of(follower).listen({}, null, signal);
  const refusal = (whose: string) => ({ status: 429, message: expect.stringContaining(`this ${whose} `) });
  const controller = new AbortController();
  await join(key('k1', 'shop-1'), controller.signal);
  await join(key('k2', 'shop-1'));
  await expect(join(key('k3', 'shop-1'))).rejects.toMatchObject(refusal('tenant'));
  await join(key('k4'));
  await join(key('k4'));
  await expect(join(key('k4'))).rejects.toMatchObject(refusal('key'));
  controller.abort();
  await join(key('k3', 'shop-1'));
  await join(key('k5', 'shop-2'));
  await expect(join(key('k6'))).rejects.toMatchObject({ status: 503 });
});

test('where nobody needs a key there is nobody to leave room for', async () => {
  const { tail } = setUp({ all: 3, each: 1 });
  const join = () => tail.of(key('open')).listen({}, null, staying());
  for (let i = 0; i < 3; i += 1) await join();
  await expect(join()).rejects.toMatchObject({ status: 503 });
});

test('closing ends every stream with a last event and takes no new one', async () => {
  const { clock, tail, listen } = setUp();
  const { texts, ended } = collect(await listen({}, null, staying()));
  tail.close();
  await ended;
  expect(texts.at(-1)).toContain('stopping');
  await expect(listen({}, null, staying())).rejects.toMatchObject({ status: 503 });
  expect(clock.nextTimerAt()).toBeNull();
});

test('somebody who is gone before the stream begins does not stay in the list', async () => {
  const { tail, listen } = setUp();
  const { ended } = collect(await listen({}, null, AbortSignal.abort()));
  await ended;
  expect(tail.listeners()).toBe(0);
});
