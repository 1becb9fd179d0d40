import { randomBytes } from 'node:crypto';
import { migrateClickHouse, openClickHouse } from '../../src/clickhouse/index.ts';

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

  test('statements beyond the connections wait for their turn', async () => {
    const many = Array.from({ length: 20 }, (_, n) =>
      clickhouse.select<{ n: number }>(`SELECT ${n} AS n`, {}),
    );
    expect((await Promise.all(many)).map(([row]) => row?.n)).toEqual([...Array(20).keys()]);
  });
});
