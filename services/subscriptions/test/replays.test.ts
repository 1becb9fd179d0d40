import { newId } from '@milena/domain';
import { createTestClock, type TestClock } from '@milena/runtime';
import type { DeadLetter } from '@milena/stores';
import { after } from './support/after.ts';
import { errorsOf, startApi, type Api, type Json } from './support/api.ts';
import { ids } from './support/fakes.ts';

const PATH = '/api/v1/replays';
const START = Date.UTC(2026, 5, 1);

let clock: TestClock;
let api: Api;
beforeEach(async () => {
  clock = createTestClock(START);
  api = await startApi({ clock });
});
afterEach(() => api.stop());

async function letters(subscription_id: string, count: number, over: Partial<DeadLetter> = {}) {
  const rows = Array.from({ length: count }, (_, n): DeadLetter => ({
    delivery_id: newId(START - 1000 + n),
    event_id: newId(START - 1000 + n),
    tenant_id: 'default',
    subscription_id,
    event_type: 'order.created',
    content_type: 'application/json',
    payload: Buffer.from(`{"n" : ${n}}`),
    accepted_at: START - 1000 + n,
    replay_of: null,
    target_url: null,
    traceparent: null,
    status: 'open',
    reason: 'all 5 retries are used up',
    attempts: 6,
    dead_lettered_at: START - 500 + Math.floor(n / 3),
    ...over,
  }));
  await api.deadLetters.insert(rows);
  return rows;
}

const replay = async (body: object): Promise<Json> =>
  (await api.call('POST', '/api/v1/dead-letters/replay', body)).body;
const read = async (id: string): Promise<Json> => (await api.call('GET', `${PATH}/${id}`)).body;
const given = () => api.log.deliveries();
const ended = (id: string) => async (): Promise<boolean> => (await read(id)).state === 'done';
/** A batch is told as done, and its letters as replayed, a moment after it is in the log. */
const toldOfAll = (id: string) => async (): Promise<boolean> => (await read(id)).done === given().length;
const statusOf = async (letter: DeadLetter) => (await api.deadLetters.find(letter.delivery_id))?.status;

/** Each letter has exactly one new delivery, with its bytes, its event's id and an id of its own. */
function expectOneEach(rows: readonly DeadLetter[]): void {
  const deliveries = given();
  expect(deliveries.map(({ replay_of }) => replay_of).sort()).toEqual(
    rows.map(({ delivery_id }) => delivery_id).sort(),
  );
  expect(new Set(deliveries.map(({ delivery_id }) => delivery_id)).size).toBe(rows.length);
  const byId = new Map(rows.map((row) => [row.delivery_id, row]));
  for (const one of deliveries) {
    const { event_id, payload } = byId.get(one.replay_of ?? '')!;
    expect(one).toMatchObject({ event_id, payload, attempt: 1, target_url: null });
  }
}

test('a plan counts and waits; started, it delivers each letter once, closes it, and tells its progress', async () => {
  const { id: subscription_id } = await api.subscribe();
  const rows = await letters(subscription_id, 120);
  await letters(subscription_id, 3, { status: 'discarded' });
  await letters(subscription_id, 2, { event_type: 'order.paid' });
  await api.service.start();
  const planned = await replay({ subscription_id, event_type: 'order.created', dry_run: true });
  expect(planned).toMatchObject({ state: 'planned', total: 120, done: 0, eta: null, source: 'dead_letters' });
  await after(clock, () => clock.now() > START + 3000);
  expect(given()).toEqual([]);

  const { body, status } = await api.call('POST', `${PATH}/${planned.id}/start`);
  expect([status, body.state, body.eta]).toEqual([200, 'running', null]);
  await after(clock, ended(planned.id));
  expectOneEach(rows);
  expect(await read(planned.id)).toMatchObject({ done: 120, failed: 0, eta: null, error: null });
  expect(await statusOf(rows[0]!)).toBe('replayed');
  const open = await api.call('GET', '/api/v1/dead-letters?status=open');
  expect(open.body.data).toHaveLength(2);
  expect((await api.call('GET', `${PATH}?state=done`)).body.data).toMatchObject([{ id: planned.id }]);
});

test('runs at once unless it is to be planned only, and never faster than its rate', async () => {
  const { id: subscription_id } = await api.subscribe();
  await letters(subscription_id, 100);
  await api.service.start();
  const { id } = await replay({ subscription_id, rate_per_s: 20 });
  await after(clock, () => given().length > 0);
  const begin = clock.now();
  await after(clock, () => clock.now() >= begin + 2000);
  expect(given().length).toBeLessThanOrEqual(60);
  await after(clock, ended(id));
  expect(await read(id)).toMatchObject({ done: 100 });
});

test('a kill between the append and the word that it is done doubles nothing and loses nothing', async () => {
  const { id: subscription_id } = await api.subscribe();
  const rows = await letters(subscription_id, 150);
  const { id } = await replay({ subscription_id, rate_per_s: 200 });
  // A batch of 50, of which some reached the log before everything ended.
  await api.service.start();
  await after(clock, () => given().length >= 50);
  const crashed = await crashWithBatchInDoubt(id, 20);
  api.log.state.recorded = 50;
  await after(clock, () => clock.now() > crashed + 16_000);
  // The recorder has not come to the 20 yet: nobody can tell which of the batch are there, so nothing may be appended.
  expect(given()).toHaveLength(70);
  api.log.state.recorded = null;
  await after(clock, ended(id));
  expectOneEach(rows);
  expect(await read(id)).toMatchObject({ done: 150, total: 150 });
});

/**
 * Lets the log take `taken` records of the next batch and then fail for good; nothing else is written after that, as
 * when the process ends there. Returns the time of that.
 */
async function crashWithBatchInDoubt(id: string, taken: number): Promise<number> {
  const { append } = api.log;
  let crashed = 0;
  api.faults.append = async (records) => {
    if (crashed > 0) return append(records);
    await append(records.slice(0, taken));
    crashed = clock.now();
    await api.pg.query(`UPDATE replays SET lease_owner = gen_random_uuid() WHERE id = $1`, [id]);
    throw new Error('killed');
  };
  await after(clock, () => crashed > 0);
  return crashed;
}

test('an append whose answer was lost is not made twice', async () => {
  const { id: subscription_id } = await api.subscribe();
  const rows = await letters(subscription_id, 100);
  const { append } = api.log;
  let lost = 0;
  api.faults.append = async (records) => {
    await append(records);
    lost += 1;
    if (lost === 1) throw new Error('no answer');
  };
  await api.service.start();
  const { id } = await replay({ subscription_id });
  await after(clock, ended(id));
  expectOneEach(rows);
  expect(api.lines.some((line) => line.includes('replay.batch_resolved'))).toBe(true);
});

test('pause stops after the batch under way, resume goes on, cancel ends it', async () => {
  const { id: subscription_id } = await api.subscribe();
  const rows = await letters(subscription_id, 60);
  await api.service.start();
  const { id } = await replay({ subscription_id, rate_per_s: 20 });
  await after(clock, () => given().length >= 10);
  const move = async (verb: string) => (await api.call('POST', `${PATH}/${id}/${verb}`)).body;
  expect((await move('pause')).state).toBe('paused');
  expect((await move('pause')).state).toBe('paused');
  await after(clock, () => clock.now() % 60_000 > 30_000, 500);
  await after(clock, toldOfAll(id));
  const paused = given().length;
  expect((await read(id)).done).toBe(paused);
  expect(paused).toBeLessThan(60);
  expect((await move('resume')).state).toBe('running');
  await after(clock, () => given().length > paused);
  expect((await move('cancel')).state).toBe('cancelled');
  await after(clock, () => clock.now() % 60_000 < 10_000, 500);
  await after(clock, toldOfAll(id));
  const replayed = await Promise.all(rows.map(statusOf));
  expect(replayed.filter((status) => status === 'replayed')).toHaveLength(given().length);
  expect(given().length).toBeLessThan(60);
  expect((await api.call('POST', `${PATH}/${id}/resume`)).status).toBe(409);
  expect((await api.call('POST', `${PATH}/${id}/start`)).status).toBe(409);
});

test('to another URL: the deliveries say so, and the letters stay open', async () => {
  const { id: subscription_id } = await api.subscribe();
  const [letter] = await letters(subscription_id, 1);
  await api.service.start();
  const target_url = 'https://example.com/elsewhere';
  const { id } = await replay({ ids: [letter!.delivery_id], target_url });
  await after(clock, ended(id));
  expect(given()).toMatchObject([{ target_url, replay_of: letter!.delivery_id }]);
  expect(await statusOf(letter!)).toBe('open');
});

test('letters of a subscription that is gone or disabled are passed over, and stay open', async () => {
  const gone = await letters(newId(START), 2);
  const disabled = await letters((await api.subscribe({ enabled: false })).id, 2);
  const rows = await letters((await api.subscribe()).id, 2);
  await api.service.start();
  const { id } = await replay({});
  await after(clock, ended(id));
  expect(await read(id)).toMatchObject({ total: 6, done: 2, failed: 4 });
  expectOneEach(rows);
  expect(await Promise.all([...gone, ...disabled].map(statusOf))).toEqual(Array(4).fill('open'));
});

test('steps back while live traffic waits, but not for ever', async () => {
  const { id: subscription_id } = await api.subscribe();
  await letters(subscription_id, 100);
  await api.service.start();
  api.log.state.waiting = 5000;
  const { id } = await replay({ subscription_id, rate_per_s: 400 });
  await after(clock, () => clock.now() > START + 4000);
  expect(given()).toHaveLength(0);
  await after(clock, () => given().length > 0);
  expect(given()).toHaveLength(100);
  api.log.state.waiting = 0;
  await after(clock, ended(id));
});

test('what fails again and again for a reason of our own is given up, and can be resumed', async () => {
  const { id: subscription_id } = await api.subscribe();
  const rows = await letters(subscription_id, 10);
  await api.service.start();
  api.faults.append = () => Promise.reject(new TypeError('a mistake'));
  const { id } = await replay({ subscription_id });
  await after(clock, async () => (await read(id)).state === 'failed', 500);
  expect(await read(id)).toMatchObject({ error: 'a mistake', done: 0 });
  api.faults.append = null;
  await api.call('POST', `${PATH}/${id}/resume`);
  await after(clock, ended(id));
  expectOneEach(rows);
});

test('the history of a subscription is replayed like dead letters, which are left alone', async () => {
  const { id } = await api.subscribe();
  await api.service.start();
  const { body, headers } = await api.call('POST', `/api/v1/subscriptions/${id}/replay`, {
    since: '2026-05-31T00:00:00Z',
  });
  expect(headers['location']).toBe(`${PATH}/${body.id}`);
  expect(body.filter).toMatchObject({
    subscription_id: id,
    since: '2026-05-31T00:00:00.000Z',
    until: '2026-06-01T00:00:00.000Z',
    statuses: ['delivered', 'failed', 'expired', 'cancelled'],
  });
  await after(clock, ended(body.id));
  expect(given()).toMatchObject([{ subscription_id: id, replay_of: ids.delivery, event_id: ids.event }]);
});

test('a stop gives the job back at once, between two batches', async () => {
  const { id: subscription_id } = await api.subscribe();
  await letters(subscription_id, 100);
  await api.service.start();
  const { id } = await replay({ subscription_id, rate_per_s: 10 });
  await after(clock, () => given().length > 0);
  await api.service.stop();
  const { rows } = await api.pg.query<{ lease_owner: string | null; batch_at: string | null }>(
    'SELECT lease_owner, batch_at FROM replays WHERE id = $1',
    [id],
  );
  expect(rows).toEqual([{ lease_owner: null, batch_at: null }]);
  expect(await read(id)).toMatchObject({ state: 'running', done: given().length });
});

test.each([
  ['a target that may not be reached', { target_url: 'http://10.0.0.1/' }, ['target_url']],
  ['a rate of nothing', { rate_per_s: 0 }, ['rate_per_s']],
  ['unknown fields, by name', { subscription: 'x' }, ['subscription']],
  ['no ids', { ids: [] }, ['ids']],
])('refused is %s', async (_, body, paths) => {
  const { status, body: problem } = await api.call('POST', '/api/v1/dead-letters/replay', body);
  expect([status, errorsOf(problem)]).toEqual([422, paths]);
});

test('what is not there is 404, an empty range 400, a disabled subscription 409', async () => {
  const { id } = await api.subscribe({ enabled: false });
  const status = async (path: string, body?: object) => (await api.call('POST', path, body)).status;
  expect(await status(`/api/v1/subscriptions/${ids.unknown}/replay`, {})).toBe(404);
  expect(await status(`/api/v1/subscriptions/${id}/replay`, {})).toBe(409);
  expect(await status(`${PATH}/${ids.unknown}/start`)).toBe(404);
  expect((await api.call('GET', `${PATH}/${ids.unknown}`)).status).toBe(404);
  const range = { since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' };
  expect(await status('/api/v1/dead-letters/replay', range)).toBe(400);
});
