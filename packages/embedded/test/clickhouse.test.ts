import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createLogger } from '@milena/runtime';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '../src/clickhouse.ts';

type Does = 'taken' | 'refuses' | 'breaks' | 'hangs' | 'stays' | 'does not stop' | 'dies soon';

interface Told {
  port: number;
  password: string;
  pid: number;
}

const folders: string[] = [];
const servers: Promise<EmbeddedClickHouse>[] = [];
afterEach(async () => {
  for (const server of await Promise.allSettled(servers.splice(0)))
    if (server.status === 'fulfilled') await server.value.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** The engine's process is a program that does as it is told here, one after the other at each start. */
function start(...plan: Does[]) {
  return startTold(undefined, ...plan);
}

function startTold(signal: AbortSignal | undefined, ...plan: Does[]) {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'milena-clickhouse-'));
  folders.push(dataDir);
  writeFileSync(path.join(dataDir, 'plan.json'), JSON.stringify(plan));
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    ...{ service: 'test', level: 'info' },
    destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const program = path.join(__dirname, 'fixtures', 'engine-process.cjs');
  const told = (): Told[] =>
    readFileSync(path.join(dataDir, 'told.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Told);
  const events = () => lines.map(({ event }) => event);
  const server = startEmbeddedClickHouse({ dataDir, program, logger, ...(signal && { told: signal }) });
  servers.push(server);
  return { server, told, lines, events };
}

async function until(what: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!what()) {
    if (performance.now() > deadline) throw new Error('it did not come about');
    await wait(5);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const pidsOf = (told: Told[]) => told.map(({ pid }) => pid);

test('one that dies is started again at the same address and with the same password', async () => {
  const { server, told, lines, events } = start('stays', 'stays', 'stays');
  const clickhouse = await server;
  for (const starts of [1, 2]) {
    process.kill(told().at(-1)!.pid, 'SIGKILL');
    await until(
      () => events().filter((event) => event === 'embedded_clickhouse.restarted').length === starts,
    );
  }
  expect(lines.filter(({ event }) => event === 'embedded_clickhouse.died')).toMatchObject([
    { level: 'error', cause: 'SIGKILL', pid: told()[0]!.pid },
    { level: 'error', cause: 'SIGKILL', pid: told()[1]!.pid },
  ]);
  expect(told().map(({ port }) => port)).toEqual([0, 4711, 4711]);
  expect(new Set(told().map(({ password }) => password)).size).toBe(1);
  expect(clickhouse.url).toBe(`http://default:${told()[0]!.password}@127.0.0.1:4711`);
  await Promise.all([clickhouse.stop(), clickhouse.stop()]);
  expect(pidsOf(told()).filter(isAlive)).toEqual([]);
  expect(events().filter((event) => event === 'embedded_clickhouse.died')).toHaveLength(2);
  expect(events()).not.toContain('embedded_clickhouse.killed');
});

test('what it warns of is logged, with the stack of an error', async () => {
  const { server, lines } = start('stays');
  await (await server).stop();
  expect(lines).toContainEqual(
    expect.objectContaining({
      ...{ level: 'warn', event: 'a warning' },
      err: expect.objectContaining({
        message: 'of the engine',
        stack: expect.stringContaining('at ') as unknown,
      }) as unknown,
    }),
  );
});

test('a directory that another process still has is waited for', async () => {
  const { server, told, events } = start('taken', 'taken', 'stays');
  await (await server).stop();
  expect(events().filter((event) => event === 'embedded_clickhouse.waits_for_directory')).toHaveLength(2);
  expect(pidsOf(told()).filter(isAlive)).toEqual([]);
});

test.each([
  ['refuses', 'no room'],
  ['breaks', 'it ended with exit code 3'],
] as const)('one that %s is not tried again at the first start', async (does, reason) => {
  const { server, told } = start(does, 'stays');
  await expect(server).rejects.toThrow(`The embedded ClickHouse did not start: ${reason}`);
  expect(told()).toHaveLength(1);
  expect(isAlive(told()[0]!.pid)).toBe(false);
});

test('one that died is tried until it is up, whatever the reason', async () => {
  const { server, told, events } = start('stays', 'refuses', 'breaks', 'taken', 'stays');
  const clickhouse = await server;
  process.kill(told()[0]!.pid, 'SIGKILL');
  await until(() => events().includes('embedded_clickhouse.restarted'));
  await clickhouse.stop();
  expect(pidsOf(told())).toHaveLength(5);
  expect(pidsOf(told()).filter(isAlive)).toEqual([]);
});

test('one that dies again and again is started at longer and longer distances', async () => {
  const { server, lines } = start('stays', 'dies soon', 'dies soon', 'dies soon', 'stays');
  await server;
  process.kill(
    lines.find(({ event }) => event === 'embedded_clickhouse.started')!['pid'] as number,
    'SIGKILL',
  );
  const times = (event: string) =>
    lines.filter((line) => line['event'] === event).map(({ time }) => Date.parse(time as string));
  await until(() => times('embedded_clickhouse.restarted').length === 4);
  const restarted = times('embedded_clickhouse.restarted');
  const pauses = times('embedded_clickhouse.died').map((died, n) => restarted[n]! - died);
  [100, 200, 400, 800].forEach((least, n) => {
    expect(pauses[n]).toBeGreaterThanOrEqual(least - 2);
  });
  expect(pauses).toHaveLength(4);
});

test.each(['hangs', 'refuses'] as const)('a stop ends a start that %s', async (does) => {
  const { server, told } = start('stays', does, does, does, does, does, does);
  const clickhouse = await server;
  process.kill(told()[0]!.pid, 'SIGKILL');
  await until(() => told().length === 2);
  await clickhouse.stop();
  const starts = told().length;
  await wait(300);
  expect(told()).toHaveLength(starts);
  expect(pidsOf(told()).filter(isAlive)).toEqual([]);
});

test('a start that waits for a directory ends when it is told to', async () => {
  const told = new AbortController();
  const waiting = startTold(told.signal, ...Array.from({ length: 50 }, (): Does => 'taken'));
  await until(() => waiting.events().length > 0);
  told.abort();
  await expect(waiting.server).rejects.toThrow();
  expect(pidsOf(waiting.told()).filter(isAlive)).toEqual([]);
});

test('what ends a start no longer ends what has started', async () => {
  const told = new AbortController();
  const started = startTold(told.signal, 'stays');
  await started.server;
  told.abort();
  await wait(100);
  expect(pidsOf(started.told()).filter(isAlive)).toHaveLength(1);
});

test('one that does not stop is ended after a while, and that is logged', async () => {
  const { server, told, events } = start('does not stop');
  const clickhouse = await server;
  await clickhouse.stop();
  expect(isAlive(told()[0]!.pid)).toBe(false);
  expect(events()).toContain('embedded_clickhouse.killed');
});
