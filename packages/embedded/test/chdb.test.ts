import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

// The engine is one per process and Jest reuses its workers, so these tests talk to the one that the global set-up runs.
const server = new URL(process.env['TEST_CLICKHOUSE_URL']!);
const authorization = `Basic ${Buffer.from(`${server.username}:${server.password}`).toString('base64')}`;

function ask(
  params: Record<string, string>,
  body: string | Buffer = '',
  headers: Record<string, string> = {},
): Promise<Response> {
  const url = new URL(`/?${new URLSearchParams(params).toString()}`, server.origin);
  return fetch(url, {
    method: 'POST',
    body: new Uint8Array(Buffer.from(body)),
    headers: { authorization, ...headers },
  });
}

async function rows(params: Record<string, string>, sql: string): Promise<Record<string, unknown>[]> {
  const reply = await ask({ default_format: 'JSONEachRow', ...params }, sql);
  const text = await reply.text();
  if (!reply.ok) throw new Error(text);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const tableName = () => `t${Math.random().toString(36).slice(2)}`;

test('answers a ping without and a query with the right password only', async () => {
  expect(await (await fetch(new URL('/ping', server.origin))).text()).toBe('Ok.\n');
  expect(await rows({}, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  const key = decodeURIComponent(server.password);
  const refused = [
    { authorization: '' },
    { authorization: `Basic ${Buffer.from('default:wrong').toString('base64')}` },
    { authorization: '', 'x-clickhouse-user': 'default', 'x-clickhouse-key': 'wrong' },
    { authorization: '', 'x-clickhouse-user': 'other', 'x-clickhouse-key': key },
  ];
  for (const headers of refused) {
    const reply = await ask({}, 'SELECT 1', headers);
    expect(reply.status).toBe(403);
    expect(reply.headers.get('x-clickhouse-exception-code')).toBe('516');
  }
  const byKey = { authorization: '', 'x-clickhouse-user': 'default', 'x-clickhouse-key': key };
  expect((await ask({}, 'SELECT 1', byKey)).status).toBe(200);
});

test('settings and database hold for their own statement only, with many at once', async () => {
  const database = tableName();
  await ask({}, `CREATE DATABASE ${database}`);
  const plain = await rows({}, "SELECT getSetting('max_block_size') AS setting, currentDatabase() AS db");
  const answers = await Promise.all(
    Array.from({ length: 120 }, async (_, i) => {
      const own = i % 3 === 0 ? {} : { max_block_size: String(1000 + i), ...(i % 3 === 1 && { database }) };
      const [answer] = await rows(
        { param_v: String(i), ...own },
        "SELECT {v:UInt32} AS v, getSetting('max_block_size') AS setting, currentDatabase() AS db",
      );
      return answer;
    }),
  );
  answers.forEach((answer, i) => {
    expect(answer).toEqual({
      v: i,
      setting: i % 3 === 0 ? plain[0]!['setting'] : 1000 + i,
      db: i % 3 === 1 ? database : 'default',
    });
  });
  await ask({}, `DROP DATABASE ${database}`);
});

test('parameters are bound as the HTTP interface has them: scalars escaped as in TSV, lists as literals', async () => {
  const [answer] = await rows(
    {
      param_text: "a\\\\b\\n\\t\\'c' OR 1=1 --",
      param_none: '\\N',
      param_list: "['it\\'s','b\\\\c','d']",
      param_ids: "['0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f']",
      param_map: "{'a':'b'}",
    },
    `SELECT {text:String} AS text, {none:Nullable(String)} AS none, {list:Array(String)} AS list,
       {ids:Array(UUID)} AS ids, {map:Map(String,String)} AS map`,
  );
  expect(answer).toEqual({
    text: "a\\b\n\t'c' OR 1=1 --",
    none: null,
    list: ["it's", 'b\\c', 'd'],
    ids: ['0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f'],
    map: { a: 'b' },
  });
});

test('a form may carry the query and long parameters', async () => {
  const form = new FormData();
  const ids = Array.from({ length: 5000 }, (_, i) => i);
  form.set('query', 'SELECT length({ids:Array(UInt32)}) AS n, {text:String} AS text FORMAT JSONEachRow');
  form.set('param_ids', `[${ids.join()}]`);
  form.set('param_text', 'line\\nline');
  const reply = await fetch(server.origin, { method: 'POST', body: form, headers: { authorization } });
  expect(await reply.json()).toEqual({ n: 5000, text: 'line\nline' });
});

describe('inserts', () => {
  const table = tableName();
  beforeAll(() =>
    ask({}, `CREATE TABLE ${table} (a UInt32, b String DEFAULT 'd') ENGINE = MergeTree ORDER BY a`),
  );
  afterAll(() => ask({}, `DROP TABLE ${table}`));
  afterEach(() => ask({}, `TRUNCATE TABLE ${table}`));
  const stored = () => rows({}, `SELECT * FROM ${table} ORDER BY a`);

  test('take rows in the body, plain or compressed, in several formats', async () => {
    await ask({ query: `INSERT INTO ${table} (a) FORMAT JSONCompactEachRow` }, '[1]\n[2]\n');
    await ask({ query: `INSERT INTO default.${table} FORMAT JSONEachRow` }, '{"a":3,"b":"\\u0000\\n"}');
    const zipped = gzipSync('4\tx\\ty\n');
    await ask({ query: `INSERT INTO \`${table}\` FORMAT TSV` }, zipped, { 'content-encoding': 'gzip' });
    await ask({}, `INSERT INTO ${table} VALUES (5, 'inline')`);
    expect(await stored()).toEqual([
      { a: 1, b: 'd' },
      { a: 2, b: 'd' },
      { a: 3, b: '\u0000\n' },
      { a: 4, b: 'x\ty' },
      { a: 5, b: 'inline' },
    ]);
  });

  test('keep their settings to themselves', async () => {
    const query = `INSERT INTO ${table} FORMAT JSONEachRow`;
    const unknown = '{"a":1,"unknown":2}';
    expect((await ask({ query, input_format_skip_unknown_fields: '1' }, unknown)).status).toBe(200);
    expect((await ask({ query, input_format_skip_unknown_fields: '0' }, unknown)).status).toBe(400);
    expect((await ask({ query, input_format_skip_unknown_fields: '1' }, unknown)).status).toBe(200);
    expect(await stored()).toHaveLength(2);
  });

  test('take one processor, unless they say otherwise', async () => {
    await ask({}, `ALTER TABLE ${table} ADD COLUMN threads UInt64 DEFAULT getSetting('max_threads')`);
    const query = `INSERT INTO ${table} (a) FORMAT JSONEachRow`;
    await ask({ query }, '{"a":1}');
    await ask({ query, max_threads: '3' }, '{"a":2}');
    expect(await rows({}, `SELECT a, threads FROM ${table} ORDER BY a`)).toEqual([
      { a: 1, threads: 1 },
      { a: 2, threads: 3 },
    ]);
    await ask({}, `ALTER TABLE ${table} DROP COLUMN threads`);
  });

  test('of nothing, and of rows that do not parse, store nothing', async () => {
    const query = `INSERT INTO ${table} FORMAT JSONEachRow`;
    expect((await ask({ query }, '')).status).toBe(200);
    const reply = await ask({ query }, '{"a":1}\n{"a":"x"}');
    expect(reply.status).toBe(400);
    expect(await stored()).toEqual([]);
  });

  test('and reads run side by side without one seeing the other as anything else', async () => {
    const query = `INSERT INTO ${table} (a, b) FORMAT JSONCompactEachRow`;
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        i % 2
          ? ask({ query }, Array.from({ length: 50 }, (__, j) => `[${i * 100 + j},"${i}"]`).join('\n'))
          : rows({ param_v: String(i) }, `SELECT {v:UInt32} AS v, count() AS n FROM ${table}`),
      ),
    );
    expect(await rows({}, `SELECT count() AS n, uniqExact(a) AS different FROM ${table}`)).toEqual([
      { n: 1500, different: 1500 },
    ]);
  });
});

test.each([
  ['SELEC 1', 400, '62'],
  ['SELECT * FROM nothing_here', 404, '60'],
  ['SELECT {v:UInt32}', 400, '456'],
  ['', 400, '62'],
])('a statement that fails is answered with status and code: %s', async (sql, status, code) => {
  const reply = await ask({}, sql);
  expect(reply.status).toBe(status);
  expect(reply.headers.get('x-clickhouse-exception-code')).toBe(code);
  expect(await reply.text()).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: `));
});

test.each([{ database: 'nowhere' }, { database: 'a`; DROP' }, { 'x; SET y': '1' }, { no_such_setting: '1' }])(
  'what is no database or setting is refused: %j',
  async (params) => {
    expect((await ask(params, 'SELECT 1')).status).toBe(404);
  },
);

test('a second process is told that the directory is taken, and gets it once the first has stopped', async () => {
  const script = join(__dirname, 'fixtures', 'two-processes.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  const { refusal, kept } = JSON.parse(stdout) as { refusal: string; kept: string };
  expect(refusal).toMatch(/can't be opened as ClickHouse's data directory\. Is another process using it\?/);
  expect(kept).toBe('1');
});
