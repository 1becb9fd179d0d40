import { randomBytes } from 'node:crypto';
import { migrate, openPostgres, type Postgres } from '../../src/postgres/index.ts';

export interface TestDatabase {
  url: string;
  /** Ends whoever is still connected. */
  drop(): Promise<void>;
}

/** Any number, as long as all test processes use the same. */
const TEMPLATE_LOCK = 7_216_499;

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/**
 * A fresh database with the whole schema, on a server, by default the one that the global set-up started (or
 * TEST_DATABASE_URL named).
 * The first caller of a run migrates a template; every other database is a copy of it, which takes some 30 ms.
 */
export async function createTestDatabase(
  serverUrl = process.env['TEST_DATABASE_URL'],
): Promise<TestDatabase> {
  if (serverUrl === undefined)
    throw new Error('TEST_DATABASE_URL is not set: does jest run the global set-up?');
  const run = process.env['MILENA_TEST_RUN'] ?? 'none';
  const name = `milena_test_${run}_${randomBytes(4).toString('hex')}`;
  const template = `milena_template_${run}`;
  const server = openPostgres({ url: serverUrl, poolMax: 1 });
  try {
    await makeTemplate(server, template);
    await server.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  } finally {
    await server.close();
  }
  return {
    url: withDatabase(serverUrl, name),
    drop: async () => {
      const again = openPostgres({ url: serverUrl, poolMax: 1 });
      await again.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await again.close();
    },
  };
}

/** Made under another name and renamed when done, so that a template that exists is whole. */
async function makeTemplate(server: Postgres, template: string): Promise<void> {
  const unfinished = `${template}_unfinished`;
  await server.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const { count } = await server.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (count > 0) return;
    await server.query(`DROP DATABASE IF EXISTS ${unfinished}`);
    await server.query(`CREATE DATABASE ${unfinished}`);
    await migrate({ url: withDatabase(server.url, unfinished) });
    await server.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
  } finally {
    await server.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}
