import { randomBytes } from 'node:crypto';
import { createHistoryWriter, migrateClickHouse, openClickHouse } from '../../src/clickhouse/index.ts';
import { insertsInto } from '../support/inserts.ts';
import { event } from './support.ts';

describe('migrateClickHouse', () => {
  const options = {
    url: process.env['TEST_CLICKHOUSE_URL']!,
    database: `test_${randomBytes(6).toString('hex')}`,
  };
  const clickhouse = openClickHouse({ ...options, maxOpenConnections: 1 });
  afterAll(async () => {
    await clickhouse.command(`DROP DATABASE IF EXISTS ${options.database}`);
    await clickhouse.close();
  });

  const retention = async () => {
    const tables = await clickhouse.select<{ name: string; hours: string }>(
      `SELECT name, extract(engine_full, 'TTL .*toIntervalHour\\\\((\\\\d+)\\\\)') AS hours FROM system.tables
       WHERE database = {database:String} ORDER BY name`,
      { database: options.database },
    );
    return tables.map(({ name, hours }) => `${name} ${hours}`.trim());
  };
  const severalAtOnce = (retentionHours: number) =>
    Promise.all(Array.from({ length: 4 }, () => migrateClickHouse(options, { retentionHours })));

  test('several at once make one schema, and change its retention together', async () => {
    for (const hours of [72, 24, 96]) {
      await severalAtOnce(hours);
      expect(await retention()).toEqual([`attempts ${hours}`, `dispositions ${hours}`, `events ${hours}`]);
    }
  });

  test('a history from before events had a target keeps its rows, and gets one', async () => {
    await clickhouse.command('ALTER TABLE events DROP COLUMN target_url');
    const [old, recent] = [event(), event({ target_url: 'https://staging.example.com/' })];
    await clickhouse.command(
      `INSERT INTO events (subscription_id, accepted_at, delivery_id, event_id, payload)
       VALUES ('${old.subscription_id}', now64(3), '${old.delivery_id}', '${old.event_id}', 'old')`,
    );
    await severalAtOnce(96);
    await insertsInto(createHistoryWriter({ clickhouse })).insertEvents([recent]);
    const rows = await clickhouse.select<{ id: string; target_url: string | null }>(
      'SELECT delivery_id AS id, target_url FROM events WHERE delivery_id IN {ids:Array(UUID)}',
      { ids: [old.delivery_id, recent.delivery_id] },
    );
    expect(new Map(rows.map(({ id, target_url }) => [id, target_url]))).toEqual(
      new Map([
        [old.delivery_id, null],
        [recent.delivery_id, recent.target_url],
      ]),
    );
  });

  test('statements beyond the connections wait for their turn', async () => {
    const many = Array.from({ length: 20 }, (_, n) =>
      clickhouse.select<{ n: number }>(`SELECT ${n} AS n`, {}),
    );
    expect((await Promise.all(many)).map(([row]) => row?.n)).toEqual([...Array(20).keys()]);
  });
});
