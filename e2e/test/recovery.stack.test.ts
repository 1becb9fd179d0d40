import { type Distributed, startDistributed } from '@milena/testing';
import { type Client, createClient, eventually } from '../src/client.ts';
import { type Sink, startSink } from '../src/sink.ts';

const LETTERS = 5000;

let system: Distributed;
let client: Client;
let sink: Sink;

beforeAll(async () => {
  sink = await startSink();
  system = await startDistributed({ replicas: 2 });
  client = await createClient(system);
}, 120_000);
afterAll(async () => {
  await system.close();
  sink.close();
}, 60_000);

/** Ends one replica of the subscriptions service with SIGKILL, the one that works if need be, and goes on with the other. */
async function killOne(which: 0 | 1): Promise<void> {
  await system.replicas('subscriptions')[which]?.kill();
  await system.add('subscriptions');
  client = await createClient(system);
}

async function send(subscription: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1)
    ids.push((await client.ingest(subscription, `{"n":${n}}`)).json.delivery_id);
  return ids;
}

const seen = (ids: readonly string[], of: (one: (typeof sink.requests)[number]) => string | null) =>
  eventually(
    () => {
      const found = new Set(sink.requests.map(of));
      return Promise.resolve(ids.filter((id) => !found.has(id)).length);
    },
    (missing) => missing === 0,
    120_000,
  );

describe('while processes of the subscriptions service are killed', () => {
  it('what was held is released, all of it, by whoever is left', async () => {
    const id = await client.subscribe({ target_url: sink.url, paused: true });
    const sent = await send(id, 400);
    await eventually(
      () => client.get(`/api/v1/subscriptions/${id}`),
      (reply) => reply.json.held.count === 400,
    );
    await client.send('POST', `/api/v1/subscriptions/${id}/resume`, { rate_per_s: 50 });
    for (const [which, share] of [
      [0, 50],
      [1, 150],
      [0, 250],
    ] as const) {
      await eventually(
        () => Promise.resolve(sink.perDelivery().size),
        (size) => size >= share,
        60_000,
      );
      await killOne(which);
    }
    await seen(sent, ({ delivery_id }) => delivery_id);
    await eventually(
      () => client.get(`/api/v1/subscriptions/${id}`),
      (reply) => reply.json.held.count === 0,
    );
    // Each kill may repeat one step: 0.2 s of 50 a second.
    expect(sink.requests.length - 400).toBeLessThanOrEqual(3 * 10);
  }, 240_000);

  it('a replay makes exactly one new delivery of each dead letter, and each is sent once', async () => {
    sink.answer.status = 404;
    const tenant = 'recovery';
    const fields = { target_url: `${sink.url}/replay`, tenant_id: tenant, retry_delays: [] };
    const id = await client.subscribe(fields);
    const letters: string[] = [];
    for (let batch = 0; batch < LETTERS / 500; batch += 1) {
      const events = Array.from({ length: 500 }, (_, n) => ({
        tenant_id: tenant,
        event_type: 'order.created',
        payload: { batch, n },
      }));
      const { json } = await client.send('POST', '/api/v1/events/batch', events);
      for (const { deliveries } of json.results) letters.push(deliveries[0].delivery_id);
    }
    await eventually(
      () => client.send('POST', '/api/v1/dead-letters/replay', { subscription_id: id, dry_run: true }),
      (reply) => reply.json.total === LETTERS,
      60_000,
    );
    sink.answer.status = 200;
    const replayed = () => sink.requests.filter(({ replay_of }) => replay_of !== null);
    const { json: job } = await client.send('POST', '/api/v1/dead-letters/replay', {
      subscription_id: id,
      rate_per_s: 1000,
    });
    for (const [which, share] of [
      [0, 0.2],
      [1, 0.4],
      [0, 0.6],
      [1, 0.8],
    ] as const) {
      await eventually(
        () => Promise.resolve(replayed().length),
        (count) => count >= LETTERS * share,
        120_000,
      );
      await killOne(which);
    }
    await eventually(
      () => client.get(`/api/v1/replays/${job.id}`),
      (reply) => reply.json.state === 'done',
      120_000,
    );
    await seen(letters, ({ replay_of }) => replay_of);
    expect(
      replayed()
        .map(({ replay_of }) => replay_of)
        .sort(),
    ).toEqual([...letters].sort());
    expect([...sink.perDelivery(replayed())].filter(([, count]) => count !== 1)).toEqual([]);
  }, 400_000);
});

describe('without a recorder', () => {
  it('a delivery that was accepted is not denied: nobody can tell until one is back, then it is found', async () => {
    const id = await client.subscribe({ target_url: sink.url });
    for (const recorder of system.replicas('recorder')) await recorder.kill();
    const [sent] = await send(id, 1);
    const read = () => client.get(`/api/v1/deliveries/${sent}`);
    const { status, json, headers } = await read();
    expect([status, json.type]).toEqual([503, 'urn:milena:problem:recorder-behind']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    await system.add('recorder');
    const statuses = new Set<number>();
    await eventually(
      async () => {
        const reply = await read();
        statuses.add(reply.status);
        return reply.status;
      },
      (last) => last === 200,
      60_000,
    );
    expect(statuses).not.toContain(404);
  }, 120_000);
});
