import { newId } from '@milena/domain';
import {
  createHistoryWriter,
  createStatsReader,
  migrateClickHouse,
  openClickHouse,
  type ClickHouse,
} from '../../src/clickhouse/index.ts';
import { StoreUnavailableError } from '../../src/ports.ts';
import { attempt, disposition, event, failed, openHistory, T0, type History } from './support.ts';

let history: History;
beforeEach(async () => {
  history = await openHistory();
});
afterEach(() => history.close());

const wide = { since: T0 - 3_600_000, until: T0 + 3_600_000 };

describe('counts', () => {
  test('per minute by outcome, with latency quantiles', async () => {
    const subscription_id = newId(T0);
    const rows = Array.from({ length: 100 }, (_, i) =>
      event({ subscription_id, accepted_at: T0 + (i < 90 ? 0 : 60_000) }),
    );
    await history.writer.insertAttempts(
      rows.map((row, i) =>
        attempt(row, {
          duration_ms: i + 1,
          outcome: i < 80 ? 'success' : i < 95 ? 'failed_attempt' : 'failure',
        }),
      ),
    );
    const buckets = await history.stats.perMinute({ subscription_id, ...wide });
    expect(buckets).toEqual([
      expect.objectContaining({ at: T0, success: 80, failed_attempt: 10, failure: 0 }),
      expect.objectContaining({ at: T0 + 60_000, success: 0, failed_attempt: 5, failure: 5 }),
    ]);
    // Durations 1 to 90; the digest is exact to about one rank here.
    const { p50_ms, p95_ms, p99_ms } = buckets[0]!;
    expect(Math.abs(p50_ms! - 45.5)).toBeLessThan(1.5);
    expect(Math.abs(p95_ms! - 86)).toBeLessThan(1.5);
    expect(Math.abs(p99_ms! - 90)).toBeLessThan(1.5);
    expect(
      await history.stats.perMinute({ subscription_id, since: T0 + 60_000, until: T0 + 120_000 }),
    ).toHaveLength(1);
  });

  test('totals by tenant and subscription', async () => {
    const mine = event({ tenant_id: 'mine' });
    const rows = [mine, event({ tenant_id: 'mine' }), event({ tenant_id: 'mine' }), event()];
    await history.writer.insertEvents(rows);
    await history.writer.insertAttempts([
      failed(mine, 1),
      attempt(mine, { attempt_number: 2, duration_ms: 20 }),
      attempt(rows[3]!, { outcome: 'failure' }),
    ]);
    await history.writer.insertDispositions([
      disposition(rows[1]!, 'filtered'),
      disposition(rows[2]!, 'expired'),
      disposition(rows[3]!, 'cancelled'),
      disposition(rows[3]!, 'deferred'),
    ]);
    const counts = { filtered: 0, cancelled: 0, expired: 0, success: 0, failed_attempt: 0, failure: 0 };
    expect(await history.stats.totals(wide)).toMatchObject({
      ...{ events: 4, attempts: 3, success: 1, failed_attempt: 1, failure: 1 },
      ...{ filtered: 1, cancelled: 1, expired: 1 },
    });
    expect(await history.stats.totals({ tenant_id: 'mine', ...wide })).toMatchObject({
      ...counts,
      ...{ events: 3, attempts: 2, success: 1, failed_attempt: 1, filtered: 1, expired: 1 },
    });
    expect(await history.stats.totals({ subscription_id: rows[3]!.subscription_id, ...wide })).toMatchObject({
      ...counts,
      ...{ events: 1, attempts: 1, failure: 1, cancelled: 1 },
    });
    expect(await history.stats.totals({ tenant_id: 'nobody', ...wide })).toEqual({
      ...counts,
      ...{ events: 0, attempts: 0, p50_ms: null, p95_ms: null, p99_ms: null },
    });
  });

  test('event types seen, the most frequent first, events without one left out', async () => {
    await history.writer.insertEvents([
      event({ event_type: 'b', accepted_at: T0 + 5 }),
      event({ event_type: 'b' }),
      event({ event_type: 'a', tenant_id: 'other' }),
      event({ event_type: null }),
    ]);
    const since = wide.since;
    expect(await history.stats.eventTypes({ since, limit: 10 })).toEqual([
      { event_type: 'b', events: 2, last_seen: T0 + 5 },
      { event_type: 'a', events: 1, last_seen: T0 },
    ]);
    expect(await history.stats.eventTypes({ since, limit: 1 })).toHaveLength(1);
    expect(await history.stats.eventTypes({ since, limit: 5, tenant_id: 'other' })).toHaveLength(1);
  });

  test('the same batch again, as after a lost answer, is counted once', async () => {
    const rows = [event(), event({ accepted_at: T0 - 5 * 3_600_000 })];
    let lost = 0;
    const clickhouse: ClickHouse = {
      ...history.clickhouse,
      insert: async (...what) => {
        await history.clickhouse.insert(...what);
        lost += 1;
        if (lost % 3 !== 0) throw new Error('the answer was lost');
      },
    };
    const writer = createHistoryWriter({ clickhouse });
    const [events, attempts] = [writer.events(), writer.attempts()];
    for (const row of rows) {
      events.add(row);
      attempts.add(attempt(row));
    }
    for (const batch of [events, attempts]) {
      await expect(batch.store()).rejects.toThrow('lost');
      await expect(batch.store()).rejects.toThrow('lost');
      await batch.store();
      expect(batch.size()).toBe(2);
    }
    const all = { since: T0 - 86_400_000, until: wide.until };
    expect(await history.stats.totals(all)).toMatchObject({ events: 2, attempts: 2, success: 2 });
  });

  test('a row that comes again in another batch is counted once as soon as parts are merged', async () => {
    const repeated = attempt(event());
    await history.writer.insertAttempts([repeated]);
    await history.writer.insertAttempts([repeated, attempt(event())]);
    await history.clickhouse.command('OPTIMIZE TABLE attempts FINAL');
    expect(await history.stats.totals(wide)).toMatchObject({ attempts: 2, success: 2 });
  });

  test('a batch of other rows after it is not mistaken for it', async () => {
    await history.writer.insertEvents([event()]);
    await history.writer.insertEvents([event()]);
    expect(await history.stats.totals(wide)).toMatchObject({ events: 2 });
  });
});

test('known tells the stored ids from the others, by the thousand', async () => {
  const rows = Array.from({ length: 3000 }, () => event());
  const attempts = rows.map((row) => attempt(row));
  await history.writer.insertEvents(rows.slice(0, 2000));
  await history.writer.insertAttempts(attempts.slice(1000));
  expect(
    await history.writer.known(
      'events',
      rows.map((row) => row.delivery_id),
      T0,
    ),
  ).toEqual(new Set(rows.slice(0, 2000).map((row) => row.delivery_id)));
  expect(
    await history.writer.known(
      'attempts',
      attempts.map((row) => row.attempt_id),
      T0,
    ),
  ).toEqual(new Set(attempts.slice(1000).map((row) => row.attempt_id)));
  expect(await history.writer.known('events', [rows[0]!.delivery_id], T0 + 1)).toEqual(new Set());
  expect(await history.writer.known('events', [], T0)).toEqual(new Set());
});

test('an insert of nothing does nothing', async () => {
  await history.writer.insertEvents([]);
  await history.writer.insertAttempts([]);
  await history.writer.insertDispositions([]);
  expect(await history.stats.totals(wide)).toMatchObject({ events: 0, attempts: 0 });
});

describe('migration', () => {
  const retentions = async () => {
    const rows = await history.clickhouse.select<{ engine_full: string }>(
      `SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'`,
      {},
    );
    return rows.map((row) => /TTL .*toIntervalHour\((\d+)\) SETTINGS/.exec(row.engine_full)?.[1]);
  };

  test('runs again without harm and changes the retention of every table', async () => {
    const row = event();
    await history.writer.insertEvents([row]);
    expect(await retentions()).toEqual(Array(3).fill('72'));
    await migrateClickHouse(history.options, { retentionHours: 4 });
    expect(await retentions()).toEqual(Array(3).fill('4'));
    await migrateClickHouse(history.options, { retentionHours: 4 });
    expect(await history.deliveries.find(row.delivery_id)).not.toBeNull();
  });

  test('gives a database from before the projection one, and its attempts stay counted', async () => {
    const row = event();
    await history.writer.insertAttempts([attempt(row)]);
    for (const statement of [
      'ALTER TABLE attempts DROP PROJECTION minutes',
      'CREATE TABLE attempt_minutes (n UInt64) ENGINE = MergeTree ORDER BY n',
      'CREATE MATERIALIZED VIEW attempt_minutes_of_attempts TO attempt_minutes AS SELECT count() AS n FROM attempts',
    ]) {
      await history.clickhouse.command(statement);
    }
    await migrateClickHouse(history.options, { retentionHours: 72 });
    await history.writer.insertAttempts([attempt(row, { attempt_number: 2 })]);
    expect(await history.stats.totals(wide)).toMatchObject({ attempts: 2 });
    expect(await history.clickhouse.select('SHOW TABLES', {})).toEqual(
      ['attempts', 'dispositions', 'events'].map((name) => ({ name })),
    );
  });

  test('two at once do not disturb each other', async () => {
    const options = { ...history.options, database: `${history.options.database}_twice` };
    await Promise.all([1, 2].map(() => migrateClickHouse(options, { retentionHours: 72 })));
    await history.clickhouse.command(`DROP DATABASE ${options.database}`);
  });

  test('a database name that is none is refused', async () => {
    const options = { ...history.options, database: 'x; DROP DATABASE y' };
    await expect(migrateClickHouse(options, { retentionHours: 72 })).rejects.toThrow(/database name/);
  });
});

test('rows past the retention leave with their part', async () => {
  const old = event({ accepted_at: T0 - 100 * 3_600_000 });
  const recent = event();
  await history.writer.insertEvents([old, recent]);
  await history.clickhouse.command('OPTIMIZE TABLE events FINAL');
  expect(await history.deliveries.event(old.delivery_id)).toBeNull();
  expect(await history.deliveries.event(recent.delivery_id)).not.toBeNull();
});

test('a server that is away makes reads, writes and pings fail as unavailable', async () => {
  const away = openClickHouse({ url: 'http://127.0.0.1:1', database: 'x' });
  await expect(away.select('SELECT 1', {})).rejects.toThrow(StoreUnavailableError);
  await expect(away.insert('t', ['a'], Buffer.from('[1]\n'), 'token')).rejects.toThrow(StoreUnavailableError);
  await expect(away.ping()).rejects.toThrow(StoreUnavailableError);
  await away.close();
});

test('a statement that is wrong fails as itself, not as unavailable', async () => {
  await expect(history.clickhouse.select('SELECT nothing_like_this', {})).rejects.toThrow(
    /nothing_like_this/,
  );
  await expect(history.clickhouse.select('SELECT nothing_like_this', {})).rejects.not.toThrow(
    StoreUnavailableError,
  );
  await history.clickhouse.ping();
});

async function plan(query: string, params: Record<string, unknown> = {}): Promise<string> {
  const lines = await history.clickhouse.select<{ explain: string }>(`EXPLAIN indexes = 1 ${query}`, params);
  return lines.map((line) => line.explain).join('\n');
}

test('statistics read the projection, not the attempts', async () => {
  const row = event({ tenant_id: 'mine' });
  await history.writer.insertAttempts([attempt(row), attempt(row, { attempt_number: 2 })]);
  const { subscription_id } = row;
  const asked: [string, Record<string, unknown>][] = [];
  const stats = createStatsReader({
    clickhouse: {
      ...history.clickhouse,
      select: (query, params) => {
        if (query.includes('FROM attempts')) asked.push([query, params]);
        return history.clickhouse.select(query, params);
      },
    },
  });
  await stats.perMinute({ subscription_id, ...wide });
  await stats.totals(wide);
  await stats.totals({ tenant_id: 'mine', ...wide });
  await stats.totals({ subscription_id, ...wide });
  expect(asked).toHaveLength(4);
  for (const [query, params] of asked)
    expect(await plan(query, params)).toContain('ReadFromMergeTree (minutes)');
});

test('an id is found by its time in few granules, and a subscription by its key', async () => {
  const row = event();
  await history.writer.insertEvents([row, event({ accepted_at: T0 - 20 * 3_600_000 })]);
  const byId = await plan(
    `SELECT payload FROM events WHERE delivery_id = '${row.delivery_id}' AND accepted_at = fromUnixTimestamp64Milli(${T0})`,
  );
  expect(byId).toMatch(/Min-Max[\s\S]*Parts: 1\/2/);
  expect(byId).toContain('by_delivery');
  const newest = await plan(
    `SELECT delivery_id FROM events WHERE subscription_id = '${row.subscription_id}' ORDER BY accepted_at DESC LIMIT 5`,
  );
  expect(newest).toMatch(/PrimaryKey[\s\S]*subscription_id/);
});
