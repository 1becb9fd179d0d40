import { newId } from '@milena/domain';
import { createLogger, createTestClock } from '@milena/runtime';
import { createMaintenance } from '../src/maintenance.ts';
import { createReseal } from '../src/reseal.ts';
import { whenRecorded } from '../src/waiting.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));
const signal = new AbortController().signal;

describe('waiting for the recorder', () => {
  /** Counts reads; answers from the n-th on. */
  function reader(from: number) {
    const state = { reads: 0 };
    const read = () => Promise.resolve((state.reads += 1) >= from ? 'found' : null);
    return { state, read };
  }

  async function run(deliveryAgeMs: number, from: number, aborted = signal) {
    const clock = createTestClock();
    const startedAt = clock.now();
    const { state, read } = reader(from);
    const deliveryId = newId(startedAt - deliveryAgeMs);
    let result: string | null | undefined;
    const done = whenRecorded({ clock, deliveryId, signal: aborted }, read).then((found) => (result = found));
    for (await settle(); result === undefined; await settle()) clock.advance(100);
    await done;
    return { result, reads: state.reads, waitedMs: clock.now() - startedAt };
  }

  test('a young one is asked for again until it is there', async () => {
    expect(await run(0, 20)).toEqual({ result: 'found', reads: 20, waitedMs: 1900 });
  });
  test('one from a clock that runs ahead is waited for too', async () => {
    expect(await run(-5000, 3)).toMatchObject({ result: 'found', waitedMs: 200 });
  });
  test('patience ends after three seconds', async () => {
    expect(await run(9000, 1000)).toMatchObject({ result: null, waitedMs: 3000 });
  });
  test('an old one, or one of no time at all, is not waited for', async () => {
    expect(await run(10_001, 2)).toMatchObject({ result: null, reads: 1 });
    expect(await run(-3_600_000, 2)).toMatchObject({ result: null, reads: 1 });
  });
  test('nobody waits for a client that is gone', async () => {
    expect(await run(0, 2, AbortSignal.abort())).toMatchObject({ result: null, reads: 1 });
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
