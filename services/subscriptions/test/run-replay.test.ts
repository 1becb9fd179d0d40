import { newId } from '@milena/domain';
import { createLogger, createMetrics, createTestClock } from '@milena/runtime';
import type { ReplayPosition, ReplaySource, ReplayWork } from '@milena/stores';
import { runReplay, type ReplayDeps } from '../src/replays/run-replay.ts';
import { createFakeLog, eventRow, ids } from './support/fakes.ts';

const START = Date.UTC(2026, 5, 1);

const WORK: ReplayWork = {
  ...{ id: newId(START), tenant_id: null, target_url: null, rate_per_s: 1, state: 'running' },
  ...{ total: 2, done: 0, failed: 0, observed_rate: null, error: null },
  ...{ created_at: START, started_at: START, finished_at: null, cursor: null, batch: null },
  filter: {
    ...{ source: 'events', subscription_id: ids.subscription, tenant_id: null, event_type: null },
    ...{ since: null, until: START, ids: null, statuses: ['failed'] },
  },
};

/** A source of so many steps, of which some give an item. */
function sourceOf(steps: number, giving: readonly number[]): ReplaySource {
  return {
    count: () => Promise.resolve(giving.length),
    next: (_, after) => {
      const at = (after?.at ?? 0) + 1;
      if (at > steps) return Promise.resolve({ items: [], end: null });
      const items = giving.includes(at) ? [eventRow({ delivery_id: newId(at) })] : [];
      return Promise.resolve({ items, end: { at, id: ids.delivery } });
    },
  };
}

/** Runs the job to its end, or until `stop` says so; time passes only while it waits. */
async function run(
  source: ReplaySource,
  { waiting = 0, stopAt = Infinity, stopAfterMs = Infinity, rate = 200 } = {},
) {
  const clock = createTestClock(START);
  const log = createFakeLog();
  log.state.waiting = waiting;
  const stopping = new AbortController();
  const cursors: ReplayPosition[] = [];
  const begunAt: number[] = [];
  const deps = {
    ...{ clock, log, metrics: createMetrics(), logger: createLogger({ service: 'test', level: 'silent' }) },
    replaySources: { events: source, dead_letters: source },
    subscriptions: { find: () => Promise.resolve({ enabled: true }) },
    replayLeases: {
      begin: () => {
        begunAt.push(clock.now() - START);
        return Promise.resolve(true);
      },
      commit: (_: string, __: string, { cursor }: { cursor: ReplayPosition }) => {
        cursors.push(cursor);
        if (cursor.at === stopAt) stopping.abort();
        return Promise.resolve(true);
      },
    },
  } as unknown as ReplayDeps;
  const lease = { owner: ids.unknown, signal: stopping.signal, holds: () => true, rest: () => undefined };
  const state = { over: false };
  const running = runReplay({ ...WORK, rate_per_s: rate }, lease, deps).finally(() => (state.over = true));
  while (!state.over) {
    await new Promise((resolve) => setImmediate(resolve));
    if (clock.nextTimerAt() !== null) clock.advance(10);
    if (clock.now() - START >= stopAfterMs) stopping.abort();
  }
  return { ending: await running, cursors, begunAt, took: clock.now() - START, log };
}

test('steps that give nothing are gone through without a wait, however much live traffic waits', async () => {
  const { ending, cursors, took } = await run(sourceOf(400, []), { waiting: 5000 });
  expect(ending).toEqual({ state: 'done', error: null });
  expect(cursors.map(({ at }) => at)).toEqual(Array.from({ length: 400 }, (_, n) => n + 1));
  // The first step can't know yet that it gives nothing.
  expect(took).toBeLessThanOrEqual(5100);
});

test('what comes after them lets live traffic go first all the same', async () => {
  const { begunAt, log } = await run(sourceOf(400, [300, 301]), { waiting: 5000 });
  expect(log.deliveries()).toHaveLength(2);
  expect(begunAt[0]).toBeGreaterThanOrEqual(10_000);
  expect(begunAt[1]! - begunAt[0]!).toBeGreaterThanOrEqual(5000);
});

test('the rate holds across steps that give nothing', async () => {
  const { begunAt } = await run(sourceOf(400, [1, 3, 5, 7]), { rate: 1 });
  expect(begunAt).toHaveLength(4);
  // Half a second may be made up for.
  expect(begunAt[3]! - begunAt[0]!).toBeGreaterThanOrEqual(2500);
});

test('a stop is heard between two of them', async () => {
  const { ending, cursors } = await run(sourceOf(400, []), { stopAt: 7 });
  expect([ending, cursors.length]).toEqual([null, 7]);
});

test('a stop while what was found waits for its turn sends nothing', async () => {
  const { ending, begunAt, log } = await run(sourceOf(400, [300]), { waiting: 5000, stopAfterMs: 7000 });
  expect([ending, begunAt, log.deliveries()]).toEqual([null, [], []]);
});
