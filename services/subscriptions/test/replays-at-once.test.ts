import { newId } from '@milena/domain';
import { createTestClock, type TestClock } from '@milena/runtime';
import type { DeadLetter } from '@milena/stores';
import { after } from './support/after.ts';
import { startApi, type Api, type Json } from './support/api.ts';
import { eventRow } from './support/fakes.ts';

const START = Date.UTC(2026, 5, 1);
const SLOTS = 4;

let clock: TestClock;
let api: Api;
beforeEach(async () => {
  clock = createTestClock(START);
  api = await startApi({ clock });
});
/** A stop waits for appends under way. */
let letGo = (): void => undefined;
afterEach(async () => {
  letGo();
  await api.stop();
});

/** A job over that many letters of a subscription of its own, younger than those before it. */
async function replay(
  count: number,
  rate_per_s: number,
  dry_run = false,
): Promise<{ id: string; letters: DeadLetter[] }> {
  clock.advance(1);
  const { id: subscription_id } = await api.subscribe();
  const letters = Array.from({ length: count }, (_, n): DeadLetter => ({
    ...eventRow({ subscription_id, delivery_id: newId(START - 1000 + n), event_id: newId(START - 1000 + n) }),
    status: 'open',
    reason: 'all 5 retries are used up',
    attempts: 6,
    dead_lettered_at: START - 500 + n,
  }));
  await api.deadLetters.insert(letters);
  const wanted = { subscription_id, rate_per_s, dry_run };
  const { body } = await api.call('POST', '/api/v1/dead-letters/replay', wanted);
  return { id: body.id, letters };
}

/** So many of them, in this order. */
async function replays(jobs: number, count: number, rate_per_s: number) {
  const planned: Awaited<ReturnType<typeof replay>>[] = [];
  while (planned.length < jobs) planned.push(await replay(count, rate_per_s));
  return planned;
}

const read = async (id: string): Promise<Json> => (await api.call('GET', `/api/v1/replays/${id}`)).body;
const given = () => api.log.deliveries();
const isDone = async (id: string): Promise<boolean> => (await read(id)).state === 'done';
const allDone = (jobs: readonly { id: string }[]) => async (): Promise<boolean> =>
  (await Promise.all(jobs.map(({ id }) => isDone(id)))).every(Boolean);

function expectOneEach(jobs: readonly { letters: DeadLetter[] }[]): void {
  const letters = jobs.flatMap((job) => job.letters.map(({ delivery_id }) => delivery_id));
  expect(
    given()
      .map(({ replay_of }) => replay_of)
      .sort(),
  ).toEqual(letters.sort());
}

/** Appends wait until `letGo` is called; those that do are `held`. */
function holdAppends() {
  const { append } = api.log;
  const held: (() => void)[] = [];
  let open = false;
  api.faults.append = async (records) => {
    if (!open) await new Promise<void>((resolve) => held.push(resolve));
    await append(records);
  };
  letGo = () => {
    open = true;
    for (const go of held) go();
  };
  return { held };
}

const rowsOf = async (jobs: readonly { id: string }[]) =>
  (
    await api.pg.query<{ id: string; done: number; free: boolean; doubt: boolean }>(
      `SELECT id, done::float8, lease_owner IS NULL AS free, batch_at IS NOT NULL AS doubt FROM replays
       WHERE id = ANY ($1::uuid[]) ORDER BY done`,
      [jobs.map(({ id }) => id)],
    )
  ).rows;

/** Until somebody has each of them, and as many as may are at an append; no more are. */
async function allClaimed(jobs: readonly { id: string }[], { held }: { held: unknown[] }): Promise<void> {
  await after(clock, async () => (await rowsOf(jobs)).every(({ free }) => !free));
  await after(clock, () => held.length >= SLOTS);
  const since = clock.now();
  await after(clock, () => clock.now() > since + 1000);
  expect(held).toHaveLength(SLOTS);
}

test('slow replays, however many are before it, do not keep a fast one waiting', async () => {
  const slow = await replays(2 * SLOTS, 24, 0.05);
  const fast = await replay(24, 1000);
  await api.service.start();
  await after(clock, () => isDone(fast.id));
  for (const { id } of slow) expect((await read(id)).state).toBe('running');
});

test('says when it will be done once it has begun, and not while it waits for somebody to carry it on', async () => {
  const { id } = await replay(24, 0.05);
  expect(await read(id)).toMatchObject({ state: 'running', eta: null });
  await api.service.start();
  await after(clock, async () => (await read(id)).done === 1);
  const left = Date.parse((await read(id)).eta) - clock.now();
  expect(left).toBe(23 * 20_000);
});

test('no more than four are at a batch in the same moment, and each has its turn', async () => {
  const jobs = await replays(3 * SLOTS, 3, 1000);
  const appends = holdAppends();
  await api.service.start();
  await allClaimed(jobs, appends);
  letGo();
  await after(clock, allDone(jobs));
  expectOneEach(jobs);
});

test('a stop gives back those that wait for their turn too, and begins nothing more', async () => {
  const jobs = await replays(2 * SLOTS, 3, 1);
  const appends = holdAppends();
  await api.service.start();
  await allClaimed(jobs, appends);
  const stopped = api.service.stop();
  letGo();
  await stopped;
  expect(given()).toHaveLength(SLOTS);
  const rows = await rowsOf(jobs);
  expect(rows.map(({ done, free, doubt }) => [done, free, doubt])).toEqual([
    ...Array.from({ length: SLOTS }, () => [0, true, false]),
    ...Array.from({ length: SLOTS }, () => [1, true, false]),
  ]);
});

test('one that is paused while it waits for its turn is given back, and goes on when it is resumed', async () => {
  const jobs = await replays(SLOTS + 1, 3, 1000);
  const appends = holdAppends();
  await api.service.start();
  await allClaimed(jobs, appends);
  // Those that have their turn have begun a batch.
  const waiting = (await rowsOf(jobs)).find(({ doubt }) => !doubt)!;
  await api.call('POST', `/api/v1/replays/${waiting.id}/pause`);
  await after(clock, async () => (await rowsOf([waiting])).every(({ free }) => free));
  letGo();
  await after(clock, allDone(jobs.filter(({ id }) => id !== waiting.id)));
  expect(await read(waiting.id)).toMatchObject({ state: 'paused', done: 0 });
  await api.call('POST', `/api/v1/replays/${waiting.id}/resume`);
  await after(clock, () => isDone(waiting.id));
  expectOneEach(jobs);
});

test('batches in doubt, which wait for the recorder, do not keep others waiting', async () => {
  const first = await replay(1, 1000);
  await api.service.start();
  await after(clock, () => isDone(first.id));
  // What is in the log now is not stored for a while.
  api.log.state.recorded = 0;
  const doubtful: Awaited<ReturnType<typeof replay>>[] = [];
  for (let n = 0; n < 2 * SLOTS; n += 1) {
    const job = await replay(1, 1000, true);
    doubtful.push(job);
    await api.pg.query(
      `UPDATE replays SET batch_at = created_at, batch_end_at = l.dead_lettered_at, batch_end_id = l.delivery_id
       FROM dead_letters l WHERE id = $1 AND l.delivery_id = $2`,
      [job.id, job.letters[0]!.delivery_id],
    );
    await api.call('POST', `/api/v1/replays/${job.id}/start`);
  }
  const other = await replay(24, 1000);
  await after(clock, () => isDone(other.id), 200);
  expect(given()).toHaveLength(25);
  api.log.state.recorded = null;
  await after(clock, allDone(doubtful));
  expectOneEach([first, ...doubtful, other]);
});

test('how much live traffic waits is asked once for all that ask at the same time', async () => {
  await replays(SLOTS, 2, 0.05);
  let asked = 0;
  Object.defineProperty(api.log.state, 'waiting', { get: () => (asked += 1) });
  await api.service.start();
  await after(clock, () => given().length === SLOTS, 0);
  expect(asked).toBe(1);
});
