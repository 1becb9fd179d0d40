import { removeDataDir, type RunningAllInOne, startAllInOne, temporaryDataDir } from '@milena/testing';
import { type Client, createClient, eventually } from '../src/client.ts';
import { type Sink, type SinkRequest, startSink } from '../src/sink.ts';

/** Dead letters to be replayed; `REPLAY_LETTERS=100000` for the whole of it. */
const LETTERS = Number(process.env['REPLAY_LETTERS'] ?? 5000);
const RATE_PER_S = Number(process.env['REPLAY_RATE'] ?? 1000);
const PATIENCE_MS = 60_000 + LETTERS * 40;

let sink: Sink;
let dataDir: string;
let milena: RunningAllInOne;
let client: Client;

async function start(): Promise<void> {
  milena = await startAllInOne({ dataDir });
  client = await createClient({ api: milena.api, ingest: milena.api });
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

/** Sends events in batches that all end as dead letters, and returns the ids of their deliveries. */
async function deadLetters(subscription: string, tenant: string, count: number): Promise<string[]> {
  sink.answer.status = 404;
  const ids: string[] = [];
  for (let sent = 0; sent < count; sent += 500) {
    const size = Math.min(500, count - sent);
    const events = Array.from({ length: size }, (_, n) => ({
      tenant_id: tenant,
      event_type: 'order.created',
      payload: { n: sent + n },
    }));
    const { json } = await client.send('POST', '/api/v1/events/batch', events);
    for (const { deliveries } of json.results) ids.push(deliveries[0].delivery_id);
  }
  await eventually(
    () =>
      client.send('POST', '/api/v1/dead-letters/replay', { subscription_id: subscription, dry_run: true }),
    (reply) => reply.json.total === count,
    PATIENCE_MS,
  );
  return ids;
}

const replaysOf = (requests: readonly SinkRequest[]) =>
  requests.filter(({ replay_of }) => replay_of !== null);
const done = (id: string) =>
  eventually(
    () => client.get(`/api/v1/replays/${id}`),
    (reply) => reply.json.state === 'done',
    PATIENCE_MS,
  );

/** How many deliveries of a subscription came to this end, by the history: what a replay of them would find. */
async function recorded(subscription: string, status: string): Promise<number> {
  const body = { status, dry_run: true };
  return (await client.send('POST', `/api/v1/subscriptions/${subscription}/replay`, body)).json.total;
}

/** Deliveries that were sent more often than once; each must be explained by a worker that was killed. */
async function unexplainedRepeats(requests: readonly SinkRequest[]): Promise<string[]> {
  const repeated = [...sink.perDelivery(requests)].filter(([, count]) => count > 1);
  const unexplained: string[] = [];
  for (const [id] of repeated) {
    const { json } = await client.get(`/api/v1/deliveries/${id}`);
    if (!json.attempts.some((attempt: { may_repeat: boolean }) => attempt.may_repeat)) unexplained.push(id);
  }
  return unexplained;
}

describe(`a replay of ${LETTERS} dead letters`, () => {
  it(
    'killed twice in the middle makes exactly one new delivery of each',
    async () => {
      const tenant = 'replayed';
      // 404 is a refusal, which says nothing against the endpoint: its breaker stays closed, and each letter takes one attempt.
      const id = await client.subscribe({
        target_url: sink.url,
        tenant_id: tenant,
        retry_delays: [],
        max_in_flight: 64,
      });
      const letters = await deadLetters(id, tenant, LETTERS);
      sink.answer.status = 200;
      const before = sink.requests.length;
      const begin = Date.now();

      const { json: job, status } = await client.send('POST', '/api/v1/dead-letters/replay', {
        subscription_id: id,
        rate_per_s: RATE_PER_S,
      });
      expect([status, job.state, job.total]).toEqual([202, 'running', LETTERS]);
      for (const share of [0.3, 0.6]) {
        await eventually(
          () => Promise.resolve(replaysOf(sink.requests).length),
          (count) => count >= LETTERS * share,
          PATIENCE_MS,
        );
        await milena.kill();
        await start();
      }
      expect((await done(job.id)).json).toMatchObject({ done: LETTERS, failed: 0 });
      const finishedAfter = Date.now() - begin;

      await eventually(
        () => Promise.resolve(new Set(sink.requests.slice(before).map(({ replay_of }) => replay_of)).size),
        (size) => size >= LETTERS,
        PATIENCE_MS,
      );
      const requests = sink.requests.slice(before);
      const newIds = new Map<string, Set<string>>();
      for (const { delivery_id, replay_of } of requests) {
        const of = newIds.get(replay_of ?? '') ?? new Set();
        newIds.set(replay_of ?? '', of.add(delivery_id));
      }
      expect([...newIds.keys()].sort()).toEqual([...letters].sort());
      expect([...newIds.values()].filter(({ size }) => size !== 1)).toEqual([]);
      await eventually(
        () => recorded(id, 'delivered'),
        (count) => count >= LETTERS,
        PATIENCE_MS,
      );
      expect([await recorded(id, 'delivered'), await recorded(id, 'failed')]).toEqual([LETTERS, LETTERS]);
      // The history of attempts may be some seconds behind.
      await eventually(
        () => unexplainedRepeats(requests),
        (unexplained) => unexplained.length === 0,
        PATIENCE_MS,
      );
      const open = await client.get(`/api/v1/dead-letters?subscription_id=${id}&status=open`);
      expect(open.json.data).toEqual([]);
      process.stdout.write(
        `${LETTERS} dead letters replayed in ${Math.round(finishedAfter / 1000)} s with two kills; ` +
          `${requests.length - LETTERS} requests repeated\n`,
      );
    },
    600_000 + 3 * PATIENCE_MS,
  );
});

describe('a replay', () => {
  it('keeps webhook-id and bytes, goes to another URL when asked to, and leaves the original as it was', async () => {
    const tenant = 'redirected';
    const id = await client.subscribe({
      target_url: `${sink.url}/own`,
      tenant_id: tenant,
      retry_delays: [],
      headers: { 'x-own': 'secret' },
    });
    const [letter] = await deadLetters(id, tenant, 1);
    const original = sink.requests.find(({ delivery_id }) => delivery_id === letter);
    sink.answer.status = 200;
    const { json: job } = await client.send('POST', '/api/v1/dead-letters/replay', {
      ids: [letter],
      target_url: `${sink.url}/elsewhere`,
    });
    await done(job.id);
    const [again] = await eventually(
      () => Promise.resolve(replaysOf(sink.requests)),
      ({ length }) => length === 1,
    );
    expect(again).toMatchObject({
      path: '/elsewhere',
      replay_of: letter,
      event_id: original?.event_id,
      body: original?.body,
    });
    const read = await eventually(
      () => client.get(`/api/v1/deliveries/${again!.delivery_id}`),
      (reply) => reply.json.status === 'delivered',
    );
    expect(read.json.attempts[0].target_url).toBe(`${sink.url}/elsewhere`);
    expect((await client.get(`/api/v1/dead-letters/${letter!}`)).json.status).toBe('open');
  }, 120_000);

  it('of history delivers what was delivered once more, and only what matches', async () => {
    const id = await client.subscribe({ target_url: sink.url });
    const events = [];
    for (let n = 0; n < 30; n += 1) {
      const type = n % 3 === 0 ? 'order.paid' : 'order.created';
      const headers = { 'x-event-type': type };
      events.push({ type, id: (await client.ingest(id, `{"n":${n}}`, headers)).json.delivery_id as string });
    }
    for (const event of events)
      await eventually(
        () => client.get(`/api/v1/deliveries/${event.id}`),
        (reply) => reply.json.status === 'delivered',
      );
    const { json: job } = await client.send('POST', `/api/v1/subscriptions/${id}/replay`, {
      event_type: 'order.paid',
      status: 'delivered',
    });
    expect(job.total).toBe(10);
    await done(job.id);
    const again = await eventually(
      () => Promise.resolve(replaysOf(sink.requests)),
      ({ length }) => length >= 10,
    );
    const wanted = events.filter(({ type }) => type === 'order.paid').map((event) => event.id);
    expect(again.map(({ replay_of }) => replay_of).sort()).toEqual(wanted.sort());
  }, 120_000);
});
