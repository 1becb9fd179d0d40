import { migrate, openPostgres } from '../../src/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('migrate', () => {
  let database: TestDatabase;
  const onDatabase = async <Row>(text: string): Promise<Row[]> => {
    const pg = openPostgres({ url: database.url, poolMax: 1 });
    try {
      return (await pg.query<Row>(text)).rows;
    } finally {
      await pg.close();
    }
  };

  beforeEach(async () => {
    database = await createTestDatabase();
    await onDatabase('DROP SCHEMA public CASCADE');
    await onDatabase('CREATE SCHEMA public');
  });
  afterEach(() => database.drop());

  test('of several that start at once one migrates and the others find it done', async () => {
    const ran = await Promise.all([migrate(database), migrate(database), migrate(database)]);
    expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
    expect(await migrate(database)).toEqual([]);
  });

  test('goes on after a migrating process was killed with the lock in its hands', async () => {
    await migrate(database);
    await onDatabase('UPDATE schema_migrations_lock SET is_locked = 1');
    await expect(migrate(database)).resolves.toEqual([]);
  });

  test('every table that holds what a tenant made says which tenant', async () => {
    await migrate(database);
    const without = await onDatabase<{ table_name: string }>(
      `SELECT table_name FROM information_schema.tables t WHERE table_schema = 'public' AND NOT EXISTS (
         SELECT 1 FROM information_schema.columns c WHERE c.table_name = t.table_name AND c.column_name = 'tenant_id')
       ORDER BY table_name`,
    );
    // An idempotency key's scope is its subscription or tenant.
    expect(without.map(({ table_name }) => table_name)).toEqual([
      'idempotency_keys',
      'schema_migrations',
      'schema_migrations_lock',
    ]);
  });

  test('says which migrations it ran, in their order', async () => {
    const names = await migrate(database);
    expect(names.length).toBeGreaterThan(0);
    expect(names).toEqual([...names].sort());
  });
});
