import { newId } from '@milena/domain';
import { createTestClock, type TestClock } from '@milena/runtime';
import { startApi, type Api } from './support/api.ts';
import { ids } from './support/fakes.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 0, 10);
const AS_OF = NOW - 15_000;
const LEDGER = '/api/v1/stats/ledger';

let api: Api;
let clock: TestClock;
beforeEach(async () => {
  clock = createTestClock(NOW);
  api = await startApi({ clock });
});
afterEach(() => api.stop());

const time = (ms: number) => new Date(ms).toISOString();

/** The answer to a call that waits, while time passes. */
async function meanwhile<T>(call: Promise<T>): Promise<{ answer: T; waitedMs: number }> {
  const begin = clock.now();
  const state = { over: false };
  const done = call.finally(() => (state.over = true));
  while (!state.over) {
    await new Promise((resolve) => setImmediate(resolve));
    if (clock.nextTimerAt() !== null) clock.advance(50);
  }
  return { answer: await done, waitedMs: clock.now() - begin };
}

test('an equation that holds is balanced', async () => {
  const { status, body } = await api.call('GET', LEDGER);
  expect([status, body]).toEqual([
    200,
    {
      since: time(NOW - 24 * HOUR_MS),
      until: time(AS_OF),
      as_of: time(AS_OF),
      balanced: true,
      accepted: 12,
      delivered: 4,
      filtered: 1,
      dead_lettered: 2,
      expired: 1,
      cancelled: 1,
      in_motion: { queued: 1, retrying: 1, held: 1 },
      unaccounted: 0,
      discrepancy_counts: {
        event_missing: 0,
        attempt_missing: 0,
        disposition_missing: 0,
        dead_letter_missing: 0,
        held_missing: 0,
        end_missing: 0,
        ended_twice: 0,
      },
      discrepancies: [],
    },
  ]);
});

test('one that does not hold says by how much, in either direction', async () => {
  for (const [accepted, unaccounted] of [
    [13, 1],
    [10, -2],
  ]) {
    Object.assign(api.ledger.told, { accepted });
    expect((await api.call('GET', LEDGER)).body).toMatchObject({ unaccounted, balanced: false });
  }
});

test('one that holds with a contradiction behind it is not balanced', async () => {
  api.ledger.told.found.ended_twice = 1;
  const one = { delivery_id: ids.delivery, event_id: ids.event, subscription_id: ids.subscription };
  api.ledger.told.discrepancies.push({
    ...one,
    kind: 'ended_twice',
    detail: 'It was delivered; given up, too.',
  });
  const { body } = await api.call('GET', LEDGER);
  expect(body).toMatchObject({ unaccounted: 0, balanced: false, discrepancy_counts: { ended_twice: 1 } });
  expect(body.discrepancies).toEqual(api.ledger.told.discrepancies);
});

describe('what is asked for', () => {
  test('reaches the reader as it was meant', async () => {
    const since = NOW - 3 * HOUR_MS;
    const until = NOW - HOUR_MS;
    const id = newId(NOW);
    const query = `tenant_id=t&subscription_id=${id}&since=${time(since)}&until=${time(until)}&limit=7`;
    await api.call('GET', `${LEDGER}?${query}`);
    const scope = { tenant_id: 't', subscription_id: id, since, until, as_of: AS_OF, limit: 7 };
    expect(api.ledger.asked.at(-1)).toMatchObject(scope);
    await api.call('GET', LEDGER);
    const defaults = { since: NOW - 24 * HOUR_MS, until: AS_OF, as_of: AS_OF, limit: 100 };
    expect(api.ledger.asked.at(-1)).toEqual({ ...defaults, motion: expect.anything() });
  });

  test('begins where retention has not cut yet, on either side', async () => {
    await api.call('GET', `${LEDGER}?since=2020-01-01T00:00:00Z`);
    expect(api.ledger.asked.at(-1)!.since).toBe(NOW - 72 * HOUR_MS + 5 * 60_000);
    await api.call('GET', `${LEDGER}?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z`);
    const then = Date.UTC(2020, 0, 2);
    expect(api.ledger.asked.at(-1)).toMatchObject({ since: then, until: then });
  });

  test('begins where no dead letter has been dropped yet, when those are kept for less time', async () => {
    const other = await startApi({ clock, config: { deadLetterRetentionDays: 2 } });
    await other.call('GET', `${LEDGER}?since=2020-01-01T00:00:00Z`);
    expect(other.ledger.asked.at(-1)!.since).toBe(NOW - 48 * HOUR_MS + 5 * 60_000);
    await other.stop();
  });

  test('ends before what may not have settled yet', async () => {
    await api.call('GET', `${LEDGER}?until=2027-01-01T00:00:00Z`);
    expect(api.ledger.asked.at(-1)!.until).toBe(AS_OF);
    await api.call('GET', `${LEDGER}?since=${time(NOW - 1000)}`);
    expect(api.ledger.asked.at(-1)).toMatchObject({ since: AS_OF, until: AS_OF });
  });

  test('names no fewer than one and no more than a hundred', async () => {
    for (const limit of ['0', '101', '-1', '1.5', 'x', '']) {
      const { status, body } = await api.call('GET', `${LEDGER}?limit=${limit}`);
      expect([limit, status, body.errors[0].path]).toEqual([limit, 400, 'limit']);
    }
  });

  test('is 400 with the field for an id that is none, and a field that is not known', async () => {
    for (const field of ['subscription_id', 'tenant_id', 'status']) {
      const { status, body } = await api.call('GET', `${LEDGER}?${field}=..`);
      expect([status, body.errors[0].path]).toEqual([400, field]);
    }
  });
});

describe('the log', () => {
  const queue = () =>
    api.subscribe().then(({ id }) => api.call('POST', `/api/v1/subscriptions/${id as string}/test`));

  test('that has nothing in motion is idle, and gives patience by the configured delays', async () => {
    await queue();
    await api.call('GET', LEDGER);
    const patience_ms = 600_000 + 66_000;
    expect(api.ledger.asked.at(-1)!.motion).toEqual({
      partitions: 1,
      idle: [0],
      flowing: [0],
      patience_ms,
      max_age_ms: 72 * HOUR_MS,
      longest_ms: 72 * HOUR_MS + 11_000 + 33_000 + 66_000 + patience_ms,
    });
  });

  test('in which something waits is neither idle nor, for as long as it does, flowing', async () => {
    await queue();
    api.log.state.waiting = 1;
    const { waitedMs } = await meanwhile(api.call('GET', LEDGER));
    expect(api.ledger.asked.at(-1)!.motion).toMatchObject({ idle: [], flowing: [] });
    expect(waitedMs).toBeGreaterThanOrEqual(3000);
    expect(waitedMs).toBeLessThan(4000);
  });

  test('is waited for until the recorder has stored what is in it', async () => {
    await queue();
    api.log.state.recorded = 0;
    clock.after(2000, () => (api.log.state.recorded = null));
    const { answer, waitedMs } = await meanwhile(api.call('GET', LEDGER));
    expect(answer.status).toBe(200);
    expect(waitedMs).toBeGreaterThanOrEqual(2000);
  });

  test('of which the recorder is behind makes it a 503 that says so, and asks no store', async () => {
    await queue();
    api.log.state.recorded = 0;
    const { answer } = await meanwhile(api.call('GET', LEDGER));
    expect([answer.status, answer.body.type]).toEqual([503, 'urn:milena:problem:recorder-behind']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(api.ledger.asked).toEqual([]);
  });

  test('that is away is a 503 with Retry-After', async () => {
    api.log.state.away = true;
    const { status, headers } = await api.call('GET', LEDGER);
    expect([status, Number(headers['retry-after']) > 0]).toEqual([503, true]);
  });
});
