import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { getPriority, release } from 'node:os';
import { removeDataDir, type RunningAllInOne, startAllInOne, temporaryDataDir } from '@milena/testing';
import { type Client, createClient, eventually } from '../src/client.ts';
import { enginePid, isAlive } from '../src/engine-process.ts';
import { type Sink, startSink } from '../src/sink.ts';

interface Thread {
  name: string;
  /** How far below others; 0 unless told. */
  nice: number;
  /** How long it may run before others have a turn, ms; null where the kernel has one for all. */
  sliceMs: number | null;
}

/** Linux has a slice for each thread from 6.12 on. */
function slicesAreOwn(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return process.platform === 'linux' && (major > 6 || (major === 6 && minor >= 12));
}

/** As a kernel tells it that is built with the scheduler's statistics, as those of the distributions are. */
function sliceOf(statistics: string): number {
  const told = /^se\.slice +: +(\d+)$/m.exec(statistics);
  if (!told) throw new Error(`no slice in what the kernel tells of a thread:\n${statistics}`);
  return Number(told[1]) / 1e6;
}

/** Threads end while they are looked at. Only the process as a whole where there is no /proc of Linux's kind. */
function threadsOf(pid: number): Thread[] {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return [{ name: '', nice: getPriority(pid), sliceMs: null }];
  const read = readdirSync(folder).flatMap((task) => {
    try {
      const name = readFileSync(`${folder}/${task}/comm`, 'utf8').trim();
      const statistics = slicesAreOwn() ? readFileSync(`${folder}/${task}/sched`, 'utf8') : null;
      return [{ name, nice: getPriority(Number(task)), statistics }];
    } catch {
      return [];
    }
  });
  return read.map(({ name, nice, statistics }) => ({
    ...{ name, nice },
    sliceMs: statistics === null ? null : sliceOf(statistics),
  }));
}

describe("the process of ClickHouse's engine", () => {
  let sink: Sink;
  let dataDir: string;
  let milena: RunningAllInOne;
  let client: Client;
  let subscription: string;

  beforeAll(async () => {
    sink = await startSink();
    dataDir = temporaryDataDir();
    milena = await startAllInOne({ dataDir, env: { LOG_LEVEL: 'info' } });
    client = await createClient({ api: milena.api, ingest: milena.api });
    subscription = await client.subscribe({ target_url: sink.url });
  }, 90_000);
  afterAll(async () => {
    await milena.kill();
    removeDataDir(dataDir);
    sink.close();
  });

  const restarted = (before: number) =>
    eventually(
      () => Promise.resolve(enginePid(milena)),
      (pid) => pid !== before,
    );
  const ready = async () => (await fetch(`${milena.admin}/ready`)).status;
  const send = async (count: number): Promise<string[]> => {
    const ids: string[] = [];
    for (let n = 0; n < count; n += 1) {
      const reply = await client.ingest(subscription, `{"n":${n}}`);
      expect(reply.status).toBe(202);
      ids.push(reply.json.delivery_id as string);
    }
    return ids;
  };

  it('gives way with every thread of it; the process of the deliveries does not', async () => {
    await send(200);
    // The engine raises the one that watches its memory, where it may.
    const engine = threadsOf(enginePid(milena)).filter(({ name }) => name !== 'MemoryWorker');
    const deliveries = threadsOf(milena.pid);
    if (process.platform === 'linux') {
      expect(engine.length).toBeGreaterThan(10);
      expect(deliveries.length).toBeGreaterThan(4);
    }
    expect(engine.filter(({ nice }) => nice !== 5)).toEqual([]);
    expect(engine.filter(({ sliceMs }) => sliceMs !== null && sliceMs !== 100)).toEqual([]);
    expect(deliveries.filter(({ nice }) => nice !== 0)).toEqual([]);
    expect(deliveries.filter(({ sliceMs }) => sliceMs !== null && sliceMs >= 10)).toEqual([]);
  });

  it('is started again when it dies: events are taken and delivered meanwhile, and the history has all of them', async () => {
    const before = enginePid(milena);
    const sending = send(2_000);
    await eventually(
      () => Promise.resolve(sink.requests.length),
      (seen) => seen > 700,
    );
    process.kill(before, 'SIGKILL');
    const notReady = await eventually(ready, (status) => status !== 200);
    expect(notReady).toBe(503);
    const ids = await sending;
    await restarted(before);
    await eventually(ready, (status) => status === 200);
    expect(milena.output()).toContain('embedded_clickhouse.died');

    const { json } = await eventually(
      () => client.get('/api/v1/stats/ledger'),
      (r) => r.json.accepted >= 2_200 && r.json.in_motion.queued + r.json.in_motion.retrying === 0,
      60_000,
    );
    expect(json).toMatchObject({ accepted: 2_200, delivered: 2_200, unaccounted: 0, balanced: true });
    expect([...sink.perDelivery().values()].filter((times) => times !== 1)).toEqual([]);
    expect(ids.filter((id) => !sink.perDelivery().has(id))).toEqual([]);
  }, 120_000);

  it.each(['SIGSEGV', 'SIGABRT', 'SIGBUS'] as const)(
    'ends at once with %s, and is started again',
    async (signal) => {
      const before = enginePid(milena);
      process.kill(before, signal);
      await eventually(
        () => Promise.resolve(enginePid(milena)),
        (pid) => pid !== before,
        10_000,
      );
      expect(isAlive(before)).toBe(false);
      const [id] = await send(1);
      await eventually(
        () => client.get(`/api/v1/deliveries/${id!}`),
        ({ json }) => json.status === 'delivered',
      );
    },
    60_000,
  );

  it('leaves signals to the process that started it', async () => {
    const pid = enginePid(milena);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
    const [id] = await send(1);
    await eventually(
      () => client.get(`/api/v1/deliveries/${id!}`),
      ({ json }) => json.status === 'delivered',
    );
    expect(enginePid(milena)).toBe(pid);
    expect(isAlive(pid)).toBe(true);
  }, 60_000);

  it('ends with a process that is killed, and the next one has the directory', async () => {
    const pid = enginePid(milena);
    // On Linux it ends even where it does not run any more.
    if (process.platform === 'linux') process.kill(pid, 'SIGSTOP');
    await milena.kill();
    await eventually(
      () => Promise.resolve(isAlive(pid)),
      (alive) => !alive,
      5_000,
    );
    milena = await startAllInOne({ dataDir, env: { LOG_LEVEL: 'info' } });
    client = await createClient({ api: milena.api, ingest: milena.api });
    const { json } = await client.get('/api/v1/stats/ledger');
    expect(json.balanced).toBe(true);
    const last = enginePid(milena);
    await milena.stop();
    expect(isAlive(last)).toBe(false);
  }, 90_000);
});
