import { removeDataDir, type RunningAllInOne, startAllInOne, temporaryDataDir } from '@milena/testing';
import { runAudit } from '../src/audit.ts';
import { type Client, createClient, eventually } from '../src/client.ts';
import { type Sink, startSink } from '../src/sink.ts';
import { deleteDeadLetter, deleteHistory } from '../src/stored-rows.ts';

const LEDGER = '/api/v1/stats/ledger';
/** The ledger tells of a moment fifteen seconds ago, and the history may be a little behind. */
const SETTLES_MS = 60_000;
const EXPIRING = 40;

let sink: Sink;
let dataDir: string;
let milena: RunningAllInOne;
let client: Client;

async function start(): Promise<void> {
  milena = await startAllInOne({ dataDir, env: { RETRY_DELAYS: '300ms,1s,2s,30s', DELIVERY_MAX_AGE: '2s' } });
  client = await createClient({ api: milena.api, ingest: milena.api });
}

beforeAll(async () => {
  sink = await startSink();
  dataDir = temporaryDataDir();
  await start();
}, 90_000);
afterAll(async () => {
  await milena.kill();
  removeDataDir(dataDir);
  sink.close();
});

async function send(subscription: string, count: number, type = 'order.created'): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const { json } = await client.ingest(subscription, `{"n":${n}}`, { 'x-event-type': type });
    ids.push(json.delivery_id);
  }
  return ids;
}

const become = (ids: readonly string[], ...statuses: string[]) =>
  Promise.all(
    ids.map((id) =>
      eventually(
        async () => (await client.get(`/api/v1/deliveries/${id}`)).json.status as string,
        (status) => statuses.includes(status),
        SETTLES_MS,
      ),
    ),
  );

/**
 * The ledger of a moment at which so many were accepted and nothing but what is held was in motion. What has lost its end
 * counts as in motion while anything of its partition is: the cancelled ones' records are, until they are due.
 */
const ledgerAfter = async (accepted: number) =>
  (
    await eventually(
      () => client.get(LEDGER),
      ({ json }) => json.accepted >= accepted && json.in_motion.queued + json.in_motion.retrying === 0,
      SETTLES_MS,
    )
  ).json;

/** Deliveries of every fate; the numbers that the ledger must come to, and some of the ids. */
async function run() {
  const demo = milena.demo_receiver;
  const ok = await client.subscribe({ target_url: sink.url, event_types: ['order.*'] });
  const bad = await client.subscribe({ target_url: `${demo}/status/404`, retry_delays: ['300ms'] });
  const late = await client.subscribe({ target_url: `${demo}/status/404?tag=late`, retry_delays: ['30s'] });
  const paused = await client.subscribe({ target_url: sink.url, paused: true });
  const broken = await client.subscribe({ target_url: `${demo}/status/500`, retry_delays: [] });

  const delivered = await send(ok, 20);
  await send(ok, 3, 'user.created');
  const failed = await send(bad, 5);
  const cancelled = await send(late, 2);
  const held = await send(paused, 4);
  const [tested] = [
    (await client.send('POST', `/api/v1/subscriptions/${ok}/test`)).json.delivery_id as string,
  ];
  await become([...delivered, tested], 'delivered');
  const again = (await client.send('POST', `/api/v1/deliveries/${delivered[0]!}/retry`)).json
    .delivery_id as string;
  await become([again], 'delivered');
  await become(failed, 'failed');
  await become(cancelled, 'retrying');
  for (const id of cancelled)
    expect((await client.send('POST', `/api/v1/deliveries/${id}/cancel`)).status).toBe(202);
  await become(held, 'held');
  // The first ten open the breaker; what is put off by it expires.
  const statuses = await become(await send(broken, EXPIRING), 'failed', 'expired');
  const expired = statuses.filter((status) => status === 'expired').length;
  const dead_lettered = failed.length + EXPIRING - expired;
  const terms = { delivered: 22, filtered: 3, dead_lettered, expired, cancelled: 2 };
  const accepted = 22 + 3 + failed.length + EXPIRING + 2 + 4;
  return { terms: { accepted, ...terms }, ok, paused, delivered, failed };
}

it('every delivery is accounted for, with the numbers that were made; what is removed from a store is named', async () => {
  const { terms, ok, paused, delivered, failed } = await run();
  expect(terms.expired).toBeGreaterThan(0);

  const whole = await ledgerAfter(terms.accepted);
  const in_motion = { queued: 0, retrying: 0, held: 4 };
  expect(whole).toMatchObject({ ...terms, in_motion, unaccounted: 0, balanced: true, discrepancies: [] });
  const none = { dead_lettered: 0, expired: 0, cancelled: 0, unaccounted: 0, balanced: true };
  const ofOk = await client.get(`${LEDGER}?subscription_id=${ok}`);
  expect(ofOk.json).toMatchObject({ ...none, accepted: 25, delivered: 22, filtered: 3 });
  const ofPaused = await client.get(`${LEDGER}?subscription_id=${paused}`);
  expect(ofPaused.json).toMatchObject({ ...none, accepted: 4, in_motion });
  const audit = await runAudit({ MILENA_URL: milena.api });
  expect([audit.code, audit.err]).toEqual([0, '']);
  expect(audit.out).toContain('Balanced');

  const [letter, attempt, event] = [failed[0]!, delivered[1]!, delivered[2]!];
  expect(await deleteDeadLetter(dataDir, letter)).toBe(1);
  await milena.stop();
  await deleteHistory(dataDir, [
    { table: 'attempts', delivery_id: attempt },
    { table: 'events', delivery_id: event },
  ]);
  await start();
  const broken = await ledgerAfter(terms.accepted - 1);
  expect(broken).toMatchObject({
    ...{ ...terms, accepted: terms.accepted - 1, delivered: 21, dead_lettered: terms.dead_lettered - 1 },
    ...{ in_motion, unaccounted: 1, balanced: false },
    discrepancy_counts: { dead_letter_missing: 1, end_missing: 1, event_missing: 1, attempt_missing: 0 },
  });
  const named = broken.discrepancies.map((one: { delivery_id: string; kind: string }) => [
    one.delivery_id,
    one.kind,
  ]);
  expect(named.sort()).toEqual(
    [
      [letter, 'dead_letter_missing'],
      [attempt, 'end_missing'],
      [event, 'event_missing'],
    ].sort(),
  );
  const unbalanced = await runAudit({ MILENA_URL: milena.api });
  expect(unbalanced.code).toBe(1);
  for (const id of [letter, attempt, event]) expect(unbalanced.out).toContain(id);
}, 240_000);
