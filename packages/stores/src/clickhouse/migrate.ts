import { openClickHouse, type ClickHouseOptions } from './client.ts';
import { schema, ttl, TTL_COLUMNS } from './schema.ts';

/**
 * Creates the database, tables and views that are missing, and sets the retention of those that are there. May run
 * again and in several processes at once.
 *
 * @throws StoreUnavailableError
 */
export async function migrateClickHouse(
  options: ClickHouseOptions,
  { retentionHours }: { retentionHours: number },
): Promise<void> {
  if (!/^\w+$/.test(options.database)) {
    throw new Error(`a database name is letters, digits and _, not ${JSON.stringify(options.database)}`);
  }
  const server = openClickHouse({ ...options, database: 'default' });
  try {
    await server.command(`CREATE DATABASE IF NOT EXISTS ${options.database}`);
  } finally {
    await server.close();
  }

  const clickhouse = openClickHouse(options);
  try {
    for (const statement of schema(retentionHours)) await clickhouse.command(statement);
    const tables = await clickhouse.select<{ name: string; engine_full: string }>(
      'SELECT name, engine_full FROM system.tables WHERE database = {database:String}',
      { database: options.database },
    );
    for (const { name, engine_full } of tables) {
      const stale = name in TTL_COLUMNS && !engine_full.includes(ttl(name, retentionHours));
      if (stale) await clickhouse.command(`ALTER TABLE ${name} MODIFY TTL ${ttl(name, retentionHours)}`);
    }
  } finally {
    await clickhouse.close();
  }
}
