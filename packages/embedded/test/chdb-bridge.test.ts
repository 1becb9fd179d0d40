import { Agent, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createChdbBridge } from '../src/chdb-bridge.ts';
import type { ChdbEngine } from '../src/chdb-engine.ts';

const CLIENTS = 4;

/** An engine whose statements end when the test wants them to. */
function createHeldEngine() {
  let running: (() => void)[] = [];
  const engine: ChdbEngine = {
    run: async () => {
      await new Promise<void>((resolve) => running.push(resolve));
      return { body: Buffer.from('1\n'), readRows: 1, writtenRows: 0 };
    },
    insert: () => Promise.reject(new Error('nobody inserts here')),
    close: () => Promise.resolve(),
  };
  const allRun = async (): Promise<void> => {
    while (running.length < CLIENTS) await wait(1);
  };
  const release = (): void => {
    for (const end of running) end();
    running = [];
  };
  return { engine, allRun, release };
}

/** Rejects when the connection ends without an answer. */
function ask(port: number, agent: Agent, more = ''): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-clickhouse-user': 'default', 'x-clickhouse-key': 'p' };
    request({ host: '127.0.0.1', port, agent, headers, path: `/?query=SELECT+1${more}` }, (res) => {
      res.resume().on('end', () => {
        resolve(res.statusCode);
      });
    })
      .on('error', reject)
      .end();
  });
}

const servers: Server[] = [];
async function start(engine: ChdbEngine): Promise<{ server: Server; port: number }> {
  const server = createChdbBridge({ engine, password: 'p' });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

test('a close ends beside clients that ask without a pause, and what they asked before is answered', async () => {
  const { engine, allRun, release } = createHeldEngine();
  const { server, port } = await start(engine);
  const statuses: (number | undefined)[] = [];
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (;;) statuses.push(await ask(port, agent));
    } finally {
      agent.destroy();
    }
  };
  const clients = Promise.allSettled(Array.from({ length: CLIENTS }, client));
  for (let round = 0; round < 3; round += 1) {
    await allRun();
    release();
  }
  await allRun();
  const closed = new Promise((resolve) => server.close(resolve));
  release();
  await closed;
  const refused = {
    status: 'rejected',
    reason: expect.objectContaining({ code: 'ECONNREFUSED' }) as unknown,
  };
  expect(await clients).toEqual(Array.from({ length: CLIENTS }, () => refused));
  expect(statuses).toEqual(Array.from({ length: 4 * CLIENTS }, () => 200));
});

test('a query id that fits into no header ends its connection and nothing else', async () => {
  const { engine } = createHeldEngine();
  const { port } = await start({
    ...engine,
    run: () => Promise.resolve({ body: Buffer.from('1\n'), readRows: 1, writtenRows: 0 }),
  });
  const agent = new Agent({ keepAlive: true });
  for (const id of ['a%0Ab', '%E2%82%AC']) {
    await expect(ask(port, agent, `&query_id=${id}`)).rejects.toMatchObject({ code: 'ECONNRESET' });
  }
  expect(await ask(port, agent, '&query_id=a')).toBe(200);
  agent.destroy();
});
