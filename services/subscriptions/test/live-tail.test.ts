import { createLogger, createTestClock } from '@milena/runtime';
import { createLiveTail } from '../src/live-tail/live-tail.ts';
import { attemptView, createFakeAttempts, ids } from './support/fakes.ts';

function setUp(maxListeners = 3) {
  const clock = createTestClock();
  const attempts = createFakeAttempts();
  const logger = createLogger({ service: 'test', level: 'silent' });
  const tail = createLiveTail({ attempts: attempts.reader, clock, logger, maxListeners });
  return { clock, attempts, tail };
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
  const { clock, attempts, tail } = setUp();
  store(attempts, 3);
  const { seen } = collect(await tail.listen({}, null, staying()));
  store(attempts, 2);
  await pass(clock, 500);
  store(attempts, 1200);
  await pass(clock, 1000);
  expect(seen()).toEqual(Array.from({ length: 1202 }, (_, i) => `a${i + 3}`));
});

test('each gets what it chose', async () => {
  const { clock, attempts, tail } = setUp();
  const mine = collect(await tail.listen({ subscription_id: ids.unknown }, null, staying()));
  const good = collect(await tail.listen({ outcome: 'success' }, null, staying()));
  store(attempts, 1, { subscription_id: ids.unknown });
  store(attempts, 1, { outcome: 'success' });
  await pass(clock, 500);
  expect([mine.seen(), good.seen()]).toEqual([['a0'], ['a1']]);
});

test('one poll serves all, and none is made while nobody listens', async () => {
  const { clock, attempts, tail } = setUp();
  const controllers = [new AbortController(), new AbortController()];
  const streams = [];
  for (const { signal } of controllers) streams.push(collect(await tail.listen({}, null, signal)));
  await pass(clock, 1500);
  expect(attempts.tails).toHaveLength(1 + 3);
  for (const controller of controllers) controller.abort();
  await Promise.all(streams.map(({ ended }) => ended));
  expect(tail.listeners()).toBe(0);
  expect(clock.nextTimerAt()).toBeNull();
  collect(await tail.listen({}, null, staying()));
  await pass(clock, 500);
  expect(attempts.tails.slice(4)).toEqual([null, 'm0']);
});

test('a client that comes back gets what it missed, and nothing twice where past and present meet', async () => {
  const { clock, attempts, tail } = setUp();
  const first = new AbortController();
  const before = collect(await tail.listen({}, null, first.signal));
  store(attempts, 2);
  await pass(clock, 500);
  first.abort();
  await before.ended;
  const lastId = [...before.texts.join('').matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
  store(attempts, 700);
  const stream = await tail.listen({}, lastId, staying());
  store(attempts, 50);
  await pass(clock, 500);
  const after = collect(stream);
  await settle();
  await pass(clock, 500);
  expect(after.seen()).toEqual(Array.from({ length: 750 }, (_, i) => `a${i + 2}`));
});

test('a client that does not read is let go, with a last event that says why', async () => {
  const { clock, attempts, tail } = setUp();
  const quick = collect(await tail.listen({}, null, staying()));
  const stream = await tail.listen({}, null, staying());
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
  const { clock, tail } = setUp();
  const { texts } = collect(await tail.listen({}, null, staying()));
  await pass(clock, 45_000);
  expect(texts.filter((text) => text === ': alive\nid: m0\n\n')).toHaveLength(3);
});

test('a store that is away for a while costs time and nothing else', async () => {
  const { clock, attempts, tail } = setUp();
  const { seen } = collect(await tail.listen({}, null, staying()));
  attempts.state.failing = new Error('away');
  store(attempts, 1);
  await pass(clock, 3000);
  expect(seen()).toEqual([]);
  attempts.state.failing = null;
  await pass(clock, 500);
  expect(seen()).toEqual(['a0']);
});

test('whoever comes while the store is away, or with a foreign mark, is refused and leaves no trace', async () => {
  const { clock, attempts, tail } = setUp();
  attempts.state.failing = new Error('away');
  await expect(tail.listen({}, null, staying())).rejects.toThrow('away');
  attempts.state.failing = null;
  await expect(tail.listen({}, 'foreign', staying())).rejects.toThrow('no such mark');
  expect([tail.listeners(), clock.nextTimerAt()]).toEqual([0, null]);
});

test('there is room for so many and no more', async () => {
  const { tail } = setUp(2);
  const controller = new AbortController();
  collect(await tail.listen({}, null, controller.signal));
  collect(await tail.listen({}, null, staying()));
  await expect(tail.listen({}, null, staying())).rejects.toMatchObject({ status: 503 });
  controller.abort();
  await tail.listen({}, null, staying());
});

test('closing ends every stream with a last event and takes no new one', async () => {
  const { clock, tail } = setUp();
  const { texts, ended } = collect(await tail.listen({}, null, staying()));
  tail.close();
  await ended;
  expect(texts.at(-1)).toContain('stopping');
  await expect(tail.listen({}, null, staying())).rejects.toMatchObject({ status: 503 });
  expect(clock.nextTimerAt()).toBeNull();
});

test('somebody who is gone before the stream begins does not stay in the list', async () => {
  const { tail } = setUp();
  const { ended } = collect(await tail.listen({}, null, AbortSignal.abort()));
  await ended;
  expect(tail.listeners()).toBe(0);
});
