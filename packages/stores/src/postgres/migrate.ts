import type { Knex } from 'knex';
import pg from 'pg';
import { asStoreError } from './errors.ts';
import { MIGRATIONS, type NamedMigration } from './migrations/index.ts';

/** Any number will do, as long as every version of Milena uses the same. */
const MIGRATION_LOCK = 7_216_401;
/** A migration may rewrite a table, and a second starter waits for the first. */
const PATIENCE_MS = 10 * 60_000;

const ignore = (): void => undefined;

/**
 * Brings the schema up to date; many may call it at once, one does it and the others wait. Each migration is one
 * transaction. Resolves to the names of those that ran.
 * @throws StoreUnavailableError when the server is away
 */
export async function migrate(target: { url: string }): Promise<string[]> {
  const holder = new pg.Client({
    connectionString: target.url,
    application_name: 'milena migrate',
    connectionTimeoutMillis: 10_000,
    statement_timeout: PATIENCE_MS,
  });
  // A lost connection fails the statement under way; without a listener it would also end the process.
  holder.on('error', ignore);
  try {
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await runMigrations(target.url);
  } catch (error) {
    throw asStoreError(error);
  } finally {
    // Closing the session frees the lock, however it ends.
    await holder.end().catch(() => undefined);
  }
}

async function runMigrations(url: string): Promise<string[]> {
  // Loaded here, because only a process that migrates needs it.
  const { default: knex } = await import('knex');
  const database = knex({
    client: 'pg',
    connection: { connectionString: url, application_name: 'milena migrate' },
    pool: { min: 0, max: 1 },
    // What matters is thrown; knex would print it as well.
    log: { warn: ignore, error: ignore, deprecate: ignore, debug: ignore },
  });
  try {
    const config = {
      tableName: 'schema_migrations',
      migrationSource: {
        getMigrations: () => Promise.resolve([...MIGRATIONS]),
        getMigrationName: (migration: NamedMigration) => migration.name,
        getMigration: ({ sql }: NamedMigration) =>
          Promise.resolve({
            up: (trx: Knex) => trx.raw(sql),
            down: () => Promise.reject(new Error('the schema only goes forward')),
          }),
      },
    };
    // knex marks its lock in a row, which stays behind when a migrating process is killed. We hold the real lock.
    await database.migrate.forceFreeMigrationsLock(config);
    const [, names] = (await database.migrate.latest(config)) as [number, string[]];
    return names;
  } finally {
    await database.destroy();
  }
}
