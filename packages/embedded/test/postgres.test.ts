import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgres } from '@milena/stores/postgres';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/index.ts';

/** Starting and stopping is slow on a busy machine: initdb alone took seconds there. */
jest.setTimeout(120_000);

let dataDir: string;
const started: EmbeddedPostgres[] = [];

const start = async (): Promise<EmbeddedPostgres> => {
  const server = await startEmbeddedPostgres({ dataDir });
  started.push(server);
  return server;
};

async function query<Row>(url: string, text: string): Promise<Row[]> {
  const pg = openPostgres({ url, poolMax: 1 });
  try {
    return (await pg.query<Row>(text)).rows;
  } finally {
    await pg.close();
  }
}

const pidFile = () => join(dataDir, 'cluster', 'postmaster.pid');
const postmasterPid = async () => Number((await readFile(pidFile(), 'utf8')).split('\n')[0]);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'milena-postgres-'));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  await rm(dataDir, { recursive: true, force: true });
});

test('data outlives a stop and a start; stopping twice is fine', async () => {
  const first = await start();
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS n');
  const pid = await postmasterPid();
  await first.stop();
  await first.stop();
  expect(isAlive(pid)).toBe(false);
  const second = await start();
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
});

test('a server left behind by a killed process is ended, and everything it had committed is there', async () => {
  const lost = await startEmbeddedPostgres({ dataDir });
  await query(lost.url, 'CREATE TABLE kept AS SELECT 42 AS n');
  const lostPid = await postmasterPid();
  // Nobody stops it: to the next start it looks as after kill -9, a server that runs on without its parent's care.
  const next = await start();
  expect(await postmasterPid()).not.toBe(lostPid);
  expect(isAlive(lostPid)).toBe(false);
  expect(await query(next.url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
});

test('a server killed hard itself recovers at the next start', async () => {
  const lost = await startEmbeddedPostgres({ dataDir });
  await query(lost.url, 'CREATE TABLE kept AS SELECT 42 AS n');
  process.kill(await postmasterPid(), 'SIGKILL');
  const next = await start();
  expect(await query(next.url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
});

test('a pid file whose pid belongs to another program now is no obstacle, and that program is left alone', async () => {
  await (await start()).stop();
  await writeFile(
    pidFile(),
    [process.pid, join(dataDir, 'cluster'), 1, 5432, '', '127.0.0.1', '', 'ready'].join('\n'),
  );
  let signalled = false;
  const onSignal = () => (signalled = true);
  process.once('SIGINT', onSignal);
  const server = await start();
  process.off('SIGINT', onSignal);
  expect(signalled).toBe(false);
  expect(await query(server.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test('an unfinished first start leaves nothing that the next one trips over', async () => {
  const left = await mkdtemp(join(dataDir, 'initdb-'));
  await writeFile(join(left, 'half'), 'done');
  const server = await start();
  expect(await query(server.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  expect((await readdir(dataDir)).filter((name) => name.startsWith('initdb-'))).toEqual([]);
});

test('listens on the loopback address only, and asks for the password that only its owner can read', async () => {
  const server = await start();
  const url = new URL(server.url);
  expect(url.hostname).toBe('127.0.0.1');
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal);
  if (outside !== undefined) {
    const error = await new Promise<NodeJS.ErrnoException>((resolve, reject) => {
      const socket = createConnection(Number(url.port), outside.address);
      socket.once('error', resolve).once('connect', () => {
        socket.destroy();
        reject(new Error('connected from outside'));
      });
    });
    expect(error.code).toBe('ECONNREFUSED');
  }
  expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
  url.password = 'guess';
  await expect(query(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

test('commits are durable, and the server is sized for a few dozen connections', async () => {
  const server = await start();
  const settings = await query<{ name: string; setting: string }>(
    server.url,
    `SELECT name, setting FROM pg_settings
     WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'max_connections', 'server_encoding') ORDER BY name`,
  );
  expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: 'on',
    full_page_writes: 'on',
    max_connections: '30',
    server_encoding: 'UTF8',
    synchronous_commit: 'on',
  });
});

test("leaves the process' own signals alone and its server out of the terminal's reach", async () => {
  const listeners = () =>
    (['SIGINT', 'SIGTERM', 'SIGHUP', 'beforeExit'] as const).map((s) => process.listenerCount(s));
  const before = listeners();
  const exits = process.listenerCount('exit');
  const server = await start();
  expect(listeners()).toEqual(before);
  // A process group of its own: Ctrl-C in a terminal goes to the group in the foreground.
  const pid = await postmasterPid();
  expect(() => process.kill(-pid, 0)).not.toThrow();
  await server.stop();
  expect(process.listenerCount('exit')).toBe(exits);
});

test('says why it did not start', async () => {
  const failing = startEmbeddedPostgres({ dataDir, settings: { shared_buffers: 'plenty' } });
  await expect(failing).rejects.toThrow(/did not start[^]*shared_buffers/);
});
