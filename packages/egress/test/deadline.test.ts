import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { createTestClock } from '@milena/runtime';
import { type PostRequest } from '../src/index.ts';
import { createWorkshop, type Workshop } from './endpoints.ts';

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

describe('the deadline', () => {
  it('a response that came in time counts, also when this process was held up and reads it after the deadline', async () => {
    const answered = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(
      `const { parentPort, workerData: answered } = require('node:worker_threads');
       const server = require('node:http').createServer((request, response) => {
         response.on('finish', () => {
           Atomics.add(answered, 0, 1);
           Atomics.notify(answered, 0);
         });
         response.end('here');
       });
       server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
      { eval: true, workerData: answered },
    );
    shop.track({ close: () => worker.terminate() });
    const [port] = (await once(worker, 'message')) as [number];
    const url = `http://127.0.0.1:${port}/`;
    expect(await shop.post(url)).toMatchObject({ ok: true });
    const result = shop.post(url, { timeoutMs: 200 });
    // Written by now; the answer comes while nobody looks.
    await new Promise((resolve) => setImmediate(resolve));
    for (let seen = 0; seen < 2; seen = Atomics.load(answered, 0)) Atomics.wait(answered, 0, seen, 10_000);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    expect(await result).toMatchObject({ ok: true, http_status: 200, response_body: 'here' });
  });

  it('many that pass at once make no stack for each, which holds up all others', async () => {
    const endpoint = await shop.raw(() => undefined);
    const stackMaker = Error as { prepareStackTrace?: unknown };
    const former = stackMaker.prepareStackTrace;
    let stacks = 0;
    stackMaker.prepareStackTrace = (error: Error) => {
      stacks += 1;
      return String(error);
    };
    try {
      const results = await Promise.all(
        Array.from({ length: 10 }, () => shop.post(endpoint.url, { timeoutMs: 50 })),
      );
      expect(results.map((result) => result.error_kind)).toEqual(results.map(() => 'timeout'));
      await shop.close();
      expect(stacks).toBeLessThan(2);
    } finally {
      stackMaker.prepareStackTrace = former;
    }
  });

  it('headers that never come end as timeout, exactly at the deadline', async () => {
    const clock = createTestClock();
    const client = shop.client({ clock });
    const endpoint = await shop.raw(() => undefined);
    const posting = client.post(to(endpoint.url, 10_000));
    await endpoint.whenRequests(1);
    clock.advance(9999);
    expect(clock.nextTimerAt()).not.toBeNull();
    clock.advance(1);
    expect(await posting).toMatchObject({
      ok: false,
      error_kind: 'timeout',
      http_status: null,
      error_detail: 'The deadline of 10000 ms passed before a response came.',
    });
    expect(clock.nextTimerAt()).toBeNull();
  });

  it('a body that drips past the deadline is timeout, however lively, and keeps the status and what came', async () => {
    const clock = createTestClock();
    const client = shop.client({ clock });
    let dripping: Socket | undefined;
    const endpoint = await shop.raw((socket) => {
      dripping = socket;
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n.');
    });
    const posting = client.post(to(endpoint.url, 10_000));
    await endpoint.whenRequests(1);
    for (let i = 0; i < 99; i += 1) {
      dripping?.write('.');
      await new Promise(setImmediate);
      clock.advance(100);
    }
    clock.advance(100);
    const result = await posting;
    expect(result).toMatchObject({ ok: false, error_kind: 'timeout', http_status: 200 });
    expect(result.error_detail).toBe(
      'The deadline of 10000 ms passed before the response body was complete.',
    );
    expect(result.response_body).toMatch(/^\.{50,}$/);
    await once(dripping!, 'close');
  });

  it('a name server that never answers ends as timeout', async () => {
    const client = shop.client({ lookup: () => new Promise(() => undefined) });
    expect(await client.post(to('http://hangs.test/', 50))).toMatchObject({
      error_kind: 'timeout',
      error_detail: 'The deadline of 50 ms passed while its name was being resolved.',
    });
  });

  it('a handshake that never ends, ends as timeout and leaves no connection', async () => {
    const server = createServer();
    shop.track(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const { port } = server.address() as AddressInfo;
    const posting = shop.post(`https://127.0.0.1:${port}/`, { timeoutMs: 200 });
    const [socket] = await connected;
    socket.on('error', () => undefined).resume();
    const closed = once(socket, 'close');
    expect(await posting).toMatchObject({
      error_kind: 'timeout',
      error_detail: 'The deadline of 200 ms passed during the TLS handshake.',
    });
    await closed;
  });

  it('a machine that takes no connections ends as timeout while connecting', async () => {
    // A stopped process accepts nothing: once its backlog is full, connecting hangs as with a dead machine.
    const script = `require('net').createServer().listen({port:0,host:'127.0.0.1',backlog:1},function(){console.log(this.address().port)})`;
    const child = spawn(process.execPath, ['-e', script]);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    child.kill('SIGSTOP');
    const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    try {
      await once(fillers[1]!, 'connect');
      expect(await shop.post(`http://127.0.0.1:${port}/`, { timeoutMs: 300 })).toMatchObject({
        error_kind: 'timeout',
        error_detail: 'The deadline of 300 ms passed while connecting.',
      });
    } finally {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
});
