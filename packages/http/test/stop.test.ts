import { createTestClock } from '@milena/runtime';
import { plain } from './routes.ts';
import { startServer, until } from './server.ts';

function gate() {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}

test('a stop lets requests under way finish and closes their connections', async () => {
  const { open, passed } = gate();
  let begun = false;
  const server = await startServer([
    plain('/slow', 'open', async () => {
      begun = true;
      await passed;
      return { status: 200, body: 'done' };
    }),
  ]);
  const reply = fetch(`${server.url}/slow`);
  await until(() => begun);
  const stopped = server.stop();
  await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  open();
  expect(await (await reply).text()).toBe('done');
  expect((await reply).headers.get('connection')).toBe('close');
  await stopped;
});

test('a stop cuts what is still under way at the deadline', async () => {
  const clock = createTestClock();
  let begun = false;
  const server = await startServer(
    [
      plain('/never', 'open', () => {
        begun = true;
        return new Promise(() => undefined);
      }),
    ],
    { clock },
  );
  const reply = fetch(`${server.url}/never`).catch((error: unknown) => error);
  await until(() => begun);
  const stopped = server.stop(3000);
  clock.advance(3000);
  await stopped;
  expect(await reply).toMatchObject({ message: 'fetch failed' });
});

test('a stop before the start, and a second stop, do nothing', async () => {
  const server = await startServer([]);
  await server.stop();
  await server.stop();
});

test('a port that is taken rejects the start', async () => {
  const first = await startServer([]);
  const port = Number(new URL(first.url).port);
  await expect(startServer([], { port })).rejects.toThrow('EADDRINUSE');
  await first.stop();
});

test('two servers in one process know nothing of each other', async () => {
  const one = await startServer([plain('/one', 'open', () => Promise.resolve({ status: 200, body: '1' }))]);
  const two = await startServer([plain('/two', 'open', () => Promise.resolve({ status: 200, body: '2' }))]);
  await one.stop();
  expect((await two.call('/two')).status).toBe(200);
  expect((await two.call('/one')).status).toBe(404);
  expect(await two.metrics.registry.metrics()).not.toContain('route="/one"');
  await two.stop();
});
