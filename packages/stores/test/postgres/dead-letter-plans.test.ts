import { newId } from '@milena/domain';
import { createDeadLetterStore, openPostgres, type Postgres } from '../../src/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const LETTERS = 20_000;
const LIMIT = 50;
const BUSY = newId(0);
const QUIET = newId(0);
const NOW = Date.UTC(2026, 0, 1);

/** As EXPLAIN (ANALYZE, FORMAT JSON) tells it. */
interface PlanNode {
  'Node Type': string;
  'Actual Rows': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

let database: TestDatabase;
let pg: Postgres;
let plan: PlanNode;

/** One letter a second; of those of `big` one in a thousand is open, and of the oldest some are discarded. */
beforeAll(async () => {
  database = await createTestDatabase();
  pg = openPostgres({ url: database.url });
  await pg.query(
    `INSERT INTO dead_letters (delivery_id, event_id, tenant_id, subscription_id, content_type, payload, accepted_at,
       status, reason, attempts, dead_lettered_at)
     SELECT gen_random_uuid(), gen_random_uuid(), CASE n % 20 WHEN 0 THEN 'small' ELSE 'big' END,
       (CASE n % 20 WHEN 0 THEN $2 ELSE $1 END)::uuid, 'application/json', convert_to(repeat(md5(n::text), 16), 'UTF8'), $3,
       CASE WHEN n > $4 - 100 THEN 'discarded' WHEN n % 1000 = 7 THEN 'open' ELSE 'replayed' END, 'answered 500', 6,
       $3::timestamptz - n * interval '1 second'
     FROM generate_series(1, $4::int) AS n`,
    [BUSY, QUIET, new Date(NOW).toISOString(), LETTERS],
  );
  await pg.query('VACUUM ANALYZE dead_letters');
});
afterAll(async () => {
  await pg.close();
  await database.drop();
});

/** Runs what it is given, and keeps how it was run. */
const explaining: Pick<Postgres, 'query'> = {
  query: async (text, values) => {
    const { rows } = await pg.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
      values,
    );
    plan = rows[0]!['QUERY PLAN'][0].Plan;
    return pg.query(text, values);
  },
};

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

const store = createDeadLetterStore({ pg: explaining });
const since = NOW - LETTERS * 1000;

test.each<[string, Parameters<typeof store.list>[0], number]>([
  ['everything', {}, LIMIT],
  ['what is open', { status: 'open' }, 20],
  ['what was discarded', { status: 'discarded' }, LIMIT],
  ['what was replayed', { status: 'replayed' }, LIMIT],
  ['a large tenant', { tenant_id: 'big' }, LIMIT],
  ['a small tenant', { tenant_id: 'small' }, LIMIT],
  ['what a large tenant discarded', { tenant_id: 'big', status: 'discarded' }, LIMIT],
  ['what a small tenant discarded', { tenant_id: 'small', status: 'discarded' }, 5],
  ['what a small tenant has open', { tenant_id: 'small', status: 'open' }, 0],
  ['what a tenant discarded in a range', { tenant_id: 'small', status: 'discarded', since, until: NOW }, 5],
  ['a subscription', { subscription_id: QUIET }, LIMIT],
  ['what a busy subscription discarded', { subscription_id: BUSY, status: 'discarded' }, LIMIT],
  ['what a quiet subscription discarded', { subscription_id: QUIET, status: 'discarded' }, 5],
  [
    'what a subscription of a tenant discarded',
    { subscription_id: QUIET, tenant_id: 'small', status: 'discarded' },
    5,
  ],
])('a list of %s reads about a page of rows, in the order of an index', async (_, filter, expected) => {
  const first = await store.list(filter, { limit: LIMIT, cursor: null });
  expect(first.data).toHaveLength(expected);
  expectAbout(expected);
  if (first.next_cursor === null) return;
  await store.list(filter, { limit: LIMIT, cursor: first.next_cursor });
  expectAbout(LIMIT);
});

/** What the index gives beside the page may be as much again, where an index that fits less well is as cheap. */
function expectAbout(rows: number): void {
  const nodes = nodesOf(plan);
  const types = nodes.map((node) => node['Node Type']);
  expect(types).toEqual(['Limit', 'Index Scan']);
  const read = nodes.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
  expect(Math.max(...read)).toBeLessThanOrEqual(2 * (rows + 1));
}
