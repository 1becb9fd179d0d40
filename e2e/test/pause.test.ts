import { removeDataDir, type RunningAllInOne, startAllInOne, temporaryDataDir } from '@milena/testing';
import { type Client, createClient, eventually } from '../src/client.ts';
import { type Sink, startSink } from '../src/sink.ts';

const EVENTS = 1000;

let sink: Sink;
let dataDir: string;
let milena: RunningAllInOne;
let client: Client;

async function start(): Promise<void> {
  milena = await startAllInOne({ dataDir, env: { RETRY_DELAYS: '1s,5s' } });
  client = await createClient({ api: milena.api, ingest: milena.api });
}

async function killAndRestart(): Promise<void> {
  await milena.kill();
  await start();
}

beforeEach(async () => {
  sink = await startSink();
  dataDir = temporaryDataDir();
  await start();
}, 90_000);

afterEach(async () => {
  await milena.kill();
  removeDataDir(dataDir);
  sink.close();
});

/** Sends events one after the other and returns the ids of their deliveries, in that order. */
async function send(subscription: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const reply = await client.ingest(subscription, `{"n":${n}}`);
    expect([reply.status, reply.json.status]).toEqual([202, 'queued']);
    ids.push(reply.json.delivery_id);
  }
  return ids;
}

/** When the attempt at each delivery of a subscription began, ms since the epoch. */
async function startsOf(subscription: string): Promise<Map<string, number>> {
  const starts = new Map<string, number>();
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { json } = await client.get(`/api/v1/subscriptions/${subscription}/attempts?limit=100${more}`);
    for (const attempt of json.data) starts.set(attempt.delivery_id, Date.parse(attempt.started_at));
    cursor = json.next_cursor;
  } while (cursor !== null);
  return starts;
}

const heldOf = async (id: string): Promise<number> =>
  (await client.get(`/api/v1/subscriptions/${id}`)).json.held.count;
const holds = (id: string, count: number) =>
  eventually(
    () => heldOf(id),
    (held) => held === count,
    60_000,
  );

/** Requests for a delivery beyond its first must be explained by an attempt that says that it may be a repeat. */
async function expectRepeatsExplained(): Promise<void> {
  const repeated = [...sink.perDelivery()].filter(([, count]) => count > 1);
  for (const [id, count] of repeated) {
    const { json } = await client.get(`/api/v1/deliveries/${id}`);
    const mayRepeat = json.attempts.filter((attempt: { may_repeat: boolean }) => attempt.may_repeat).length;
    expect([id, mayRepeat >= count - json.attempts.length || mayRepeat > 0]).toEqual([id, true]);
  }
}

describe('a paused subscription', () => {
  it('holds 1,000 events and delivers all of them on resume, in order, at the rate, each once, as first attempts', async () => {
    // The sink is in this process: while that is held up, a lane of the default size would put off what it can't take.
    const id = await client.subscribe({ target_url: sink.url, paused: true, max_in_flight: 512 });
    const sent = await send(id, EVENTS);
    await holds(id, EVENTS);
    expect(sink.requests).toEqual([]);
    const one = await eventually(
      () => client.get(`/api/v1/deliveries/${sent[0]!}`),
      (reply) => reply.json.status === 'held',
    );
    expect(one.json).toMatchObject({ attempts_made: 0, next_attempt_at: null });
    const { json: listed } = await client.get(`/api/v1/subscriptions/${id}/deliveries?status=held`);
    expect(listed.data).toHaveLength(20);

    const begin = Date.now();
    await client.send('POST', `/api/v1/subscriptions/${id}/resume`, { rate_per_s: 250 });
    await eventually(
      () => Promise.resolve(sink.requests.length),
      (count) => count >= EVENTS,
      60_000,
    );
    expect([...sink.perDelivery()].sort()).toEqual(sent.map((one) => [one, 1]).sort());
    expect(sink.requests.every(({ attempt }) => attempt === 1)).toBe(true);
    // 1,000 at 250 a second, less the half second that may be made up for.
    expect(Date.now() - begin).toBeGreaterThan(3500);
    await holds(id, 0);
    const done = await eventually(
      () => client.get(`/api/v1/deliveries/${sent.at(-1)!}`),
      (reply) => reply.json.status === 'delivered',
    );
    expect(done.json.attempts).toHaveLength(1);
    // By their starts: requests under way at the same time may arrive in any order.
    const started = await startsOf(id);
    const times = sent.map((one) => started.get(one)!);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  }, 180_000);

  it('loses nothing, whenever it is killed', async () => {
    const id = await client.subscribe({ target_url: sink.url, paused: true });
    const first = await send(id, 200);
    await killAndRestart();
    const sent = [...first, ...(await send(id, 200))];
    await holds(id, 400);
    await client.send('POST', `/api/v1/subscriptions/${id}/resume`, { rate_per_s: 100 });
    for (const share of [50, 150, 300]) {
      await eventually(
        () => Promise.resolve(sink.perDelivery().size),
        (count) => count >= share,
        60_000,
      );
      await killAndRestart();
    }
    await eventually(
      () => {
        const seen = sink.perDelivery();
        return Promise.resolve(sent.filter((one) => !seen.has(one)).length);
      },
      (missing) => missing === 0,
      60_000,
    );
    await holds(id, 0);
    for (const one of sent)
      await eventually(
        () => client.get(`/api/v1/deliveries/${one}`),
        (reply) => reply.json.status === 'delivered',
      );
    await expectRepeatsExplained();
  }, 240_000);

  it('holds a retry that comes due, and ends what it holds as cancelled when it is deleted', async () => {
    sink.answer.status = 500;
    // Long enough that the pause comes before the retry, though the history lags.
    const id = await client.subscribe({ target_url: sink.url, retry_delays: ['5s'] });
    const [retrying] = await send(id, 1);
    await eventually(
      () => client.get(`/api/v1/deliveries/${retrying!}`),
      (reply) => reply.json.status === 'retrying',
    );
    await client.send('PATCH', `/api/v1/subscriptions/${id}`, { paused: true });
    await eventually(
      () => client.get(`/api/v1/deliveries/${retrying!}`),
      (reply) => reply.json.status === 'held' && reply.json.attempts_made === 1,
    );
    await holds(id, 1);
    await client.send('DELETE', `/api/v1/subscriptions/${id}`);
    await eventually(
      () => client.get(`/api/v1/deliveries/${retrying!}`),
      (reply) => reply.json.status === 'cancelled',
    );
    expect(sink.requests).toHaveLength(1);
  }, 120_000);
});
