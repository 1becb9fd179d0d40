import { Agent, request as httpRequest } from 'node:http';
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

/** One request after the other over one connection. */
function keepAlive(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  const get = (path: string): Promise<{ connection: string | undefined; body: string }> =>
    new Promise((resolve, reject) => {
      const request = httpRequest(`${url}${path}`, { agent }, (response) => {
        ports.add(response.socket.localPort);
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => {
          resolve({ connection: response.headers.connection, body });
        });
      });
      request.on('error', reject);
      request.end();
    });
  return { get, ports };
}

test('while a stop lingers, a client that keeps its connection gets an answer that sends it elsewhere', async () => {
  const clock = createTestClock();
  const server = await startServer([plain('/x', 'open', () => Promise.resolve({ status: 200, body: 'x' }))], {
    clock,
    lingerMs: 2000,
  });
  const client = keepAlive(server.url);
  expect(await client.get('/x')).toEqual({ connection: 'keep-alive', body: 'x' });
  const stopped = server.stop(10_000);
  expect(await client.get('/x')).toEqual({ connection: 'close', body: 'x' });
  expect(client.ports.size).toBe(1);
  // Nobody is left to wait for: the time is not used up.
  await stopped;
  await expect(client.get('/x')).rejects.toThrow('ECONNREFUSED');
});

test('a stop that lingers closes connections that stay idle when the time is up', async () => {
  const clock = createTestClock();
  const server = await startServer([plain('/x', 'open', () => Promise.resolve({ status: 200, body: 'x' }))], {
    clock,
    lingerMs: 2000,
  });
  const client = keepAlive(server.url);
  await client.get('/x');
  let done = false;
  const stopped = server.stop(10_000).then(() => (done = true));
  clock.advance(1999);
  await expect(fetch(`${server.url}/x`)).rejects.toThrow();
  expect(done).toBe(false);
  clock.advance(1);
  await stopped;
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
