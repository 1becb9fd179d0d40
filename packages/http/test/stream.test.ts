import { createTestClock } from '@milena/runtime';
import { route, type Authenticate } from '../src/index.ts';
import { createThing, plain } from './routes.ts';
import { BEARER, startServer, until, type TestServer } from './server.ts';

/** A stream that the test feeds by hand. */
function createFeed() {
  const state = { ended: false, aborted: false, opened: 0 };
  let wake = (): void => undefined;
  const waiting: string[] = [];
  let failure: Error | null = null;
  const open = async function* (signal: AbortSignal): AsyncGenerator<string> {
    state.opened += 1;
    signal.addEventListener('abort', () => {
      state.aborted = true;
      wake();
    });
    try {
      for (;;) {
        const next = waiting.shift();
        if (next !== undefined) yield next;
        else if (failure) throw failure;
        else if (signal.aborted) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      state.ended = true;
    }
  };
  return {
    state,
    open,
    push: (text: string) => {
      waiting.push(text);
      wake();
    },
    fail: (error: Error) => {
      failure = error;
      wake();
    },
  };
}

let feed: ReturnType<typeof createFeed>;
let server: TestServer;
beforeEach(async () => {
  feed = createFeed();
  const stream = route({
    method: 'get',
    path: '/stream',
    operation_id: 'stream',
    tag: 'Stream',
    summary: 'Live',
    access: 'open',
    replies: { 200: { description: 'Events.', schema: null, content_type: 'text/event-stream' } },
    problems: [],
    handler: (request) => Promise.resolve({ status: 200, body: feed.open(request.signal) }),
  });
  server = await startServer([stream, createThing]);
});
afterEach(() => server.stop(0));

async function read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | null> {
  const { value, done } = await reader.read();
  return done ? null : new TextDecoder().decode(value);
}

async function listen(init: RequestInit = {}) {
  const reply = await fetch(`${server.url}/stream`, init);
  return { reply, reader: reply.body!.getReader() as ReadableStreamDefaultReader<Uint8Array> };
}

test('events arrive one by one as they happen, as server-sent events', async () => {
  const { reply, reader } = await listen();
  expect(reply.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(reply.headers.get('cache-control')).toBe('no-store');
  feed.push('data: 1\n\n');
  expect(await read(reader)).toBe('data: 1\n\n');
  feed.push('data: 2\n\n');
  expect(await read(reader)).toBe('data: 2\n\n');
  await reader.cancel();
});

test('a client that goes away aborts the signal and ends the source', async () => {
  const gone = new AbortController();
  const { reader } = await listen({ signal: gone.signal });
  feed.push('data: 1\n\n');
  await read(reader);
  gone.abort();
  await until(() => feed.state.aborted && feed.state.ended);
  expect(server.logs.filter((line) => line['level'] === 'error')).toEqual([]);
});

test('a client that reads nothing holds up its own source, not memory', async () => {
  const { reader } = await listen();
  const chunk = `data: ${'x'.repeat(1_000_000)}\n\n`;
  for (let i = 0; i < 50; i += 1) feed.push(chunk);
  let received = 0;
  for (; received < 50 * chunk.length;) received += (await read(reader))?.length ?? Number.NaN;
  expect(received).toBe(50 * chunk.length);
  await reader.cancel();
});

test('a stop of the server ends streams cleanly', async () => {
  const { reader } = await listen();
  feed.push('data: 1\n\n');
  await read(reader);
  const stopped = server.stop(5000);
  expect(await read(reader)).toBeNull();
  await stopped;
  expect(feed.state).toMatchObject({ aborted: true, ended: true });
});

test('a stream ends when the key that opened it is not good any more, and not when nobody can say', async () => {
  const clock = createTestClock();
  const source = createFeed();
  let answer: () => ReturnType<Authenticate> = () =>
    Promise.resolve({ name: 'key', scopes: ['read'], tenant_id: null });
  const guarded = await startServer(
    [
      plain('/stream', 'read', () =>
        Promise.resolve({ status: 200, body: source.open(new AbortController().signal) }),
      ),
    ],
    { authenticate: () => answer(), clock },
  );
  const reply = await fetch(`${guarded.url}/stream`, { headers: BEARER });
  const reader = reply.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const pass = async (): Promise<void> => {
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await pass();
  answer = () => Promise.reject(new Error('the store is away'));
  await pass();
  source.push('data: 1\n\n');
  expect(await read(reader)).toBe('data: 1\n\n');
  answer = () => Promise.resolve('wrong');
  await pass();
  expect(await read(reader)).toBeNull();
  await until(() => clock.nextTimerAt() === null);
  const stopped = guarded.stop(0);
  clock.advance(1);
  await stopped;
});

test('a source that fails breaks the connection instead of feigning an end', async () => {
  const { reader } = await listen();
  feed.push('data: 1\n\n');
  await read(reader);
  feed.fail(new Error('the tail is cut'));
  await expect(read(reader)).rejects.toThrow();
  await until(() => server.logs.some((line) => line['event'] === 'http.failed'));
});

test('a HEAD gets the headers and none of the stream', async () => {
  const reply = await fetch(`${server.url}/stream`, { method: 'HEAD' });
  expect(reply.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(await reply.text()).toBe('');
});

test('how long somebody listens is not counted as time to answer', async () => {
  const { reader } = await listen();
  await reader.cancel();
  await until(() => feed.state.ended);
  await server.call('/health');
  const text = await server.metrics.registry.metrics();
  expect(text).toContain('route="/health"');
  expect(text).not.toContain('route="/stream"');
});
