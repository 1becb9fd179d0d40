import { createTestClock } from '@milena/runtime';
import { createCancellationStore, createIdempotencyStore, openPostgres } from '../../src/postgres/index.ts';
import { createTestDatabase } from '../support/database.ts';

const DAY_MS = 24 * 3_600_000;
const ID = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f';
const OTHER_ID = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e40';

async function setUp() {
  const database = await createTestDatabase();
  const pg = openPostgres({ url: database.url });
  return {
    pg,
    clock: createTestClock(Date.UTC(2026, 2, 10, 12)),
    close: async () => {
      await pg.close();
      await database.drop();
    },
  };
}

test('maintenance drops days whose keys have expired as a whole and keeps a week ahead', async () => {
  const { pg, clock, close } = await setUp();
  const store = createIdempotencyStore({ pg, clock });
  const partitions = async () =>
    (
      await pg.query<{ name: string }>(
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'idempotency_keys'::regclass ORDER BY 1`,
      )
    ).rows.map(({ name }) => name.slice(-8));
  await Promise.all([store.maintain(), store.maintain(), store.maintain()]);
  expect(await partitions()).toEqual(
    [9, 10, 11, 12, 13, 14, 15, 16, 17].map((d) => `202603${String(d).padStart(2, '0')}`),
  );
  clock.advance(3 * DAY_MS);
  await store.maintain();
  expect(await partitions()).toEqual(
    [11, 12, 13, 14, 15, 16, 17, 18, 19, 20].map((d) => `202603${String(d)}`),
  );
  await close();
});

test('a cancellation drops those that are older than four days', async () => {
  const { pg, clock, close } = await setUp();
  const store = createCancellationStore({ pg, clock });
  await store.cancel({ delivery_id: ID, subscription_id: ID, tenant_id: 'default' });
  clock.advance(4 * DAY_MS + 1);
  await store.cancel({ delivery_id: OTHER_ID, subscription_id: ID, tenant_id: 'default' });
  expect((await pg.query('SELECT delivery_id FROM delivery_cancellations')).rows).toEqual([
    { delivery_id: OTHER_ID },
  ]);
  await close();
});
