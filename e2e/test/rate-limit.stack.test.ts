import { type Distributed, startDistributed } from '@milena/testing';
import { type Client, createClient, eventually } from '../src/client.ts';
import { type Sink, type SinkRequest, startSink } from '../src/sink.ts';

const WORKERS = 4;
const RATE_PER_S = 20;
const WINDOW_MS = 10_000;
const MOST_IN_WINDOW = (1.1 * RATE_PER_S * WINDOW_MS) / 1000;
/** Of each worker; a limit that every member kept for itself would let four times as much through. */
const SUBSCRIPTIONS = 2;
/** A commit follows an ack by 200 ms; with what a busy machine takes for it. */
const COMMITS_MS = 1_000;

interface Limited {
  id: string;
  tenant_id: string;
}
interface Attempt {
  delivery_id: string;
  attempt_number: number;
  started_at: string;
  outcome: string;
  error_detail: string | null;
  may_repeat: boolean;
  worker: string;
}

let system: Distributed;
let client: Client;
let sink: Sink;
let limited: Limited[];

beforeAll(async () => {
  sink = await startSink();
  // As many partitions as workers, so that each member of the group has one.
  system = await startDistributed({ env: { KAFKA_PARTITIONS: String(WORKERS) } });
  await Promise.all(Array.from({ length: WORKERS - 1 }, () => system.add('delivery')));
  client = await createClient(system);
  limited = await spread();
}, 120_000);
afterAll(async () => {
  await system.close();
  sink.close();
}, 60_000);

async function subscribe(n: number): Promise<Limited> {
  const tenant_id = `limited-${n}`;
  const fields = { target_url: `${sink.url}/${tenant_id}`, tenant_id, rate_limit_per_s: RATE_PER_S };
  return { id: await client.subscribe(fields), tenant_id };
}

async function send(to: readonly Limited[], each: number): Promise<Map<string, string[]>> {
  const sent = new Map<string, string[]>(to.map(({ id }) => [id, []]));
  for (let left = each; left > 0; left -= 100) {
    const events = to.flatMap(({ tenant_id }) =>
      Array.from({ length: Math.min(left, 100) }, () => ({ tenant_id, event_type: 'a', payload: 1 })),
    );
    const { json } = await client.send('POST', '/api/v1/events/batch', events);
    for (const { deliveries } of json.results)
      sent.get(deliveries[0].subscription_id)!.push(deliveries[0].delivery_id);
  }
  return sent;
}

async function attemptsOf(subscription: string): Promise<Attempt[]> {
  const found: Attempt[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { json } = await client.get(`/api/v1/subscriptions/${subscription}/attempts?limit=100${from}`);
    found.push(...json.data);
    cursor = json.next_cursor;
  }
  return found;
}

/** Those of these deliveries, once all of them are recorded. */
function attemptsAt(subscription: string, deliveries: readonly string[]): Promise<[Attempt, ...Attempt[]]> {
  return eventually(
    async () =>
      (await attemptsOf(subscription)).filter((one) => deliveries.includes(one.delivery_id)) as [Attempt],
    (found) => new Set(found.map(({ delivery_id }) => delivery_id)).size === deliveries.length,
  );
}

/** Subscriptions with a limit, the same number at each worker once all of them have joined. */
async function spread(): Promise<Limited[]> {
  const made: Limited[] = [];
  const byWorker = new Map<string, Limited[]>();
  await eventually(
    async () => {
      for (let n = 0; n < 8 && made.length < 64; n += 1) made.push(await subscribe(made.length));
      const sent = await send(made, 1);
      await delivered([...sent.values()].flat());
      byWorker.clear();
      for (const one of made) {
        const [{ worker }] = await attemptsAt(one.id, sent.get(one.id)!);
        byWorker.set(worker, [...(byWorker.get(worker) ?? []), one]);
      }
      return [...byWorker.values()].map((there) => there.length);
    },
    (counts) => counts.length === WORKERS && Math.min(...counts) >= SUBSCRIPTIONS,
    60_000,
  );
  return [...byWorker.values()].flatMap((there) => there.slice(0, SUBSCRIPTIONS));
}

function delivered(ids: readonly string[]): Promise<unknown> {
  return eventually(
    () => {
      const seen = sink.perDelivery();
      return Promise.resolve(ids.filter((id) => !seen.has(id)).length);
    },
    (missing) => missing === 0,
    60_000,
  );
}

/** Nothing is in motion any more: whatever is going to be made again has been. Workers ask for their lag every 15 s. */
function atRest(): Promise<unknown> {
  const lagOf = async ({ addresses }: { addresses: Record<string, string> }): Promise<number> => {
    const text = await (await fetch(`${addresses['admin']}/metrics`)).text();
    const lags = [...text.matchAll(/consumer_lag_records\{[^}]*group="milena\.delivery"[^}]*\} (\S+)/g)];
    return lags.length === 0 ? Infinity : lags.reduce((sum, [, records]) => sum + Number(records), 0);
  };
  return eventually(
    () => Promise.all(system.replicas('delivery').map(lagOf)),
    (lags) => lags.every((records) => records === 0),
    40_000,
  );
}

/** The most that began within any window. By the worker's own time: how busy this process is must not count. */
function mostInWindow(attempts: readonly Attempt[]): number {
  const times = attempts.map(({ started_at }) => Date.parse(started_at)).sort((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? 0) <= at - WINDOW_MS) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** The limit held and was made use of; every delivery was made by a first attempt. Resolves to what the endpoint saw. */
async function expectLimited({ id }: Limited, sent: readonly string[]) {
  await attemptsAt(id, sent);
  const ofThese = ({ delivery_id }: { delivery_id: string }) => sent.includes(delivery_id);
  // What is made again may still be on its way, and the recorder behind.
  const { attempts, requests } = await eventually(
    async () => ({
      attempts: (await attemptsOf(id)).filter(ofThese),
      requests: sink.requests.filter(ofThese),
    }),
    (seen) => seen.attempts.length === seen.requests.length,
  );
  const storyOf = ({ attempt_number, outcome, error_detail }: Attempt) =>
    `${attempt_number} ${outcome} ${error_detail ?? ''}`.trimEnd();
  expect(new Set(attempts.map(storyOf))).toEqual(new Set(['1 success']));
  const most = mostInWindow(attempts);
  expect(most).toBeLessThanOrEqual(MOST_IN_WINDOW);
  expect(most).toBeGreaterThanOrEqual(0.7 * MOST_IN_WINDOW);
  return { attempts, requests };
}

describe(`a rate limit of ${RATE_PER_S} a second over ${WORKERS} workers`, () => {
  it('holds for each subscription in any ten seconds; nothing is lost and no attempt used up', async () => {
    const sent = await send(limited, 15 * RATE_PER_S);
    await delivered([...sent.values()].flat());
    for (const one of limited) {
      const ids = sent.get(one.id)!;
      const { requests } = await expectLimited(one, ids);
      expect(requests.map(({ delivery_id }) => delivery_id).sort()).toEqual([...ids].sort());
    }
  }, 90_000);

  /** Resolves when this share of the deliveries was seen. */
  const part = (all: readonly string[], share: number): Promise<unknown> =>
    eventually(
      () => {
        const seen = sink.perDelivery();
        return Promise.resolve(all.filter((id) => seen.has(id)).length);
      },
      (count) => count >= share * all.length,
      60_000,
    );
  /** What was made again says that it may be. Resolves to the first of each delivery's requests that was not the last. */
  const repeatedOf = async (sent: ReadonlyMap<string, string[]>): Promise<SinkRequest[]> => {
    const repeated: SinkRequest[] = [];
    for (const one of limited) {
      const { attempts, requests } = await expectLimited(one, sent.get(one.id)!);
      const certain = attempts.filter(({ may_repeat }) => !may_repeat).map(({ delivery_id }) => delivery_id);
      expect(new Set(certain).size).toBe(certain.length);
      const ids = requests.map(({ delivery_id }) => delivery_id);
      repeated.push(...requests.filter((_, at) => ids.lastIndexOf(ids[at]!) > at));
    }
    return repeated;
  };

  it('holds while a worker leaves, with exactly one request for each delivery', async () => {
    const sent = await send(limited, 15 * RATE_PER_S);
    const all = [...sent.values()].flat();
    await part(all, 0.3);
    await system.replicas('delivery')[0]!.stop();
    await delivered(all);
    await atRest();
    expect(await repeatedOf(sent)).toEqual([]);
  }, 120_000);

  // A member learns that the group is shared out anew when it sends its next heartbeat, and what it finishes from then
  // on until it knows its new share it can't commit: the one that gets the partition then makes these requests again.
  it('holds while a worker comes; nothing is made again but what was under way then where it went, and says so', async () => {
    // One has two partitions then, of which it gives one away.
    for (const one of system.replicas('delivery').slice(WORKERS - 1)) await one.stop();
    const sent = await send(limited, 15 * RATE_PER_S);
    const all = [...sent.values()].flat();
    await part(all, 0.3);
    const startedAt = Date.now();
    await system.add('delivery');
    const joinedAt = Date.now();
    await delivered(all);
    await atRest();
    const repeated = await repeatedOf(sent);
    const when = repeated.map(({ at }) => at);
    expect(Math.min(...when, Infinity)).toBeGreaterThanOrEqual(startedAt);
    expect(Math.max(...when, -Infinity)).toBeLessThanOrEqual(joinedAt + COMMITS_MS);
    expect(new Set(repeated.map(({ path }) => path)).size).toBeLessThanOrEqual(SUBSCRIPTIONS);
  }, 120_000);
});
