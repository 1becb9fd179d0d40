import { DELIVERIES, type LogRecord } from '@milena/log';
import { createLogger, createTestClock } from '@milena/runtime';
import { createMaintenance } from '../src/maintenance.ts';
import { createReseal } from '../src/reseal.ts';
import { whenRecorded } from '../src/waiting.ts';
import { createFakeLog, ids } from './support/fakes.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));
const signal = new AbortController().signal;

describe('waiting for the recorder', () => {
  /** Reads one delivery of a log with another; it is stored after so long, and the recorder at the end of the log. */
  async function run(over: { id?: string; storedMs?: number; atEndMs?: number; client?: AbortSignal }) {
    const { id = ids.delivery, storedMs = Infinity, atEndMs = 0, client = signal } = over;
    const clock = createTestClock();
    const startedAt = clock.now();
    const log = createFakeLog();
    await log.append([{ topic: DELIVERIES } as LogRecord]);
    const state = { reads: 0, settled: false };
    const read = () => {
      state.reads += 1;
      return Promise.resolve(clock.now() - startedAt >= storedMs ? 'found' : null);
    };
    log.state.recorded = atEndMs > 0 ? 0 : null;
    clock.after(atEndMs, () => (log.state.recorded = null));
    const result = whenRecorded({ clock, log }, { what: 'delivery', id, signal: client }, read).finally(
      () => (state.settled = true),
    );
    result.catch(() => undefined);
    for (await settle(); !state.settled; await settle()) clock.advance(100);
    return { result, reads: state.reads, waitedMs: clock.now() - startedAt };
  }

  test('what is there is read once, wherever the recorder is', async () => {
    const { result, reads, waitedMs } = await run({ storedMs: 0, atEndMs: Infinity });
    expect([await result, reads, waitedMs]).toEqual(['found', 1, 0]);
  });
  test('what it has yet to store is asked for again until it is there', async () => {
    const { result, waitedMs } = await run({ storedMs: 1900, atEndMs: 5000 });
    expect([await result, waitedMs]).toEqual(['found', 1900]);
  });
  test('what is not there once it has stored everything does not exist', async () => {
    const { result, waitedMs } = await run({ atEndMs: 700 });
    expect([await result, waitedMs]).toEqual([null, 700]);
  });
  test('what it stores last is found', async () => {
    const { result } = await run({ storedMs: 700, atEndMs: 700 });
    expect(await result).toBe('found');
  });
  test('at the end of the log it takes one more look, and no time', async () => {
    const { result, reads, waitedMs } = await run({});
    expect([await result, reads, waitedMs]).toEqual([null, 2, 0]);
  });
  test('while it is more than ten seconds behind nobody can tell', async () => {
    const { result, reads, waitedMs } = await run({ atEndMs: 60_000 });
    await expect(result).rejects.toMatchObject({ status: 503, slug: 'recorder-behind' });
    expect(waitedMs).toBe(10_000);
    expect(reads).toBeLessThan(40);
  });
  test('an id as no delivery has one is not waited for', async () => {
    const { result, reads } = await run({ id: '0198c5e2-7d1a-4c3e-9b51-000000000001', atEndMs: 60_000 });
    expect([await result, reads]).toEqual([null, 1]);
  });
  test('nobody waits for a client that is gone', async () => {
    const { result, waitedMs } = await run({ atEndMs: 60_000, client: AbortSignal.abort() });
    expect([await result, waitedMs]).toEqual([null, 0]);
  });
});

describe('maintenance', () => {
  function setUp() {
    const clock = createTestClock();
    const calls: string[] = [];
    const state = { failing: false };
    const maintenance = createMaintenance({
      clock,
      logger: createLogger({ service: 'test', level: 'silent' }),
      idempotency: {
        maintain: () => {
          calls.push('maintain');
          return state.failing ? Promise.reject(new Error('away')) : Promise.resolve();
        },
      },
      deadLetters: {
        prune: (olderThan: number) => {
          calls.push(`prune ${(clock.now() - olderThan) / 86_400_000}d`);
          return Promise.resolve(0);
        },
      } as never,
      releases: {
        prune: (olderThan: number) => {
          calls.push(`forget ${(clock.now() - olderThan) / 86_400_000}d`);
          return Promise.resolve(0);
        },
      } as never,
      replays: {
        prune: (olderThan: number) => {
          calls.push(`replays ${(clock.now() - olderThan) / 86_400_000}d`);
          return Promise.resolve(0);
        },
      } as never,
      formerSubscriptions: {
        prune: (olderThan: number) => {
          calls.push(`former ${(clock.now() - olderThan) / 86_400_000}d`);
          return Promise.resolve(0);
        },
      } as never,
      config: {
        retryDelays: [],
        retentionHours: 72,
        deadLetterRetentionDays: 30,
        deliveryMaxAgeMs: 0,
        hasFirstKey: false,
        operatorEndpoint: null,
        userAgent: '',
      },
    });
    return { clock, calls, state, maintenance };
  }

  test('runs at start and every hour, until it is stopped', async () => {
    const { clock, calls, maintenance } = setUp();
    await maintenance.start();
    expect(calls).toEqual(['maintain', 'prune 30d', 'replays 30d', 'forget 8d', 'former 4d']);
    clock.advance(3_600_000);
    await settle();
    expect(calls).toHaveLength(10);
    await maintenance.stop();
    expect(clock.nextTimerAt()).toBeNull();
  });

  test('a round that failed is made again after a minute, and health tells why', async () => {
    const { clock, calls, state, maintenance } = setUp();
    state.failing = true;
    await maintenance.start();
    expect(maintenance.lastError()).toBe('away');
    state.failing = false;
    clock.advance(60_000);
    await settle();
    expect([calls, maintenance.lastError()]).toEqual([
      ['maintain', 'maintain', 'prune 30d', 'replays 30d', 'forget 8d', 'former 4d'],
      null,
    ]);
    await maintenance.stop();
  });
});

describe('sealing secrets anew', () => {
  function setUp(batches: ({ resealed: number; unreadable: number; last: string | null } | Error)[]) {
    const clock = createTestClock();
    const lines: Record<string, unknown>[] = [];
    const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
    const asked: (string | null)[] = [];
    const reseal = createReseal({
      clock,
      logger: createLogger({ service: 'test', level: 'info', destination }),
      secrets: {
        resealBatch: (after) => {
          asked.push(after);
          const next = batches.shift() ?? { resealed: 0, unreadable: 0, last: null };
          return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
        },
      },
    });
    return { clock, lines, asked, reseal };
  }

  test('goes on behind the last of each batch and tells how many there were', async () => {
    const { lines, asked, reseal } = setUp([
      { resealed: 100, unreadable: 0, last: 'a' },
      { resealed: 7, unreadable: 0, last: null },
    ]);
    void reseal.start();
    await settle();
    expect(asked).toEqual([null, 'a']);
    expect(lines).toMatchObject([{ level: 'info', event: 'secrets.resealed', resealed: 107, unreadable: 0 }]);
    await reseal.stop();
  });

  test('goes on where it was a minute after a failure', async () => {
    const { clock, lines, asked, reseal } = setUp([
      { resealed: 100, unreadable: 1, last: 'a' },
      new Error('away'),
    ]);
    void reseal.start();
    await settle();
    expect(lines).toMatchObject([{ event: 'secrets.reseal_failed', resealed: 100 }]);
    clock.advance(60_000);
    await settle();
    expect(asked).toEqual([null, 'a', 'a']);
    expect(lines[1]).toMatchObject({ level: 'error', event: 'secrets.resealed', unreadable: 1 });
    await reseal.stop();
  });

  test('a stop waits for the batch under way and begins no other', async () => {
    const { clock, lines, asked, reseal } = setUp([
      { resealed: 1, unreadable: 0, last: 'a' },
      { resealed: 1, unreadable: 0, last: 'b' },
    ]);
    void reseal.start();
    await reseal.stop();
    await settle();
    expect([asked, lines, clock.nextTimerAt()]).toEqual([[null], [], null]);
  });
});
