import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runAudit } from '../src/audit.ts';

const COUNTS = {
  event_missing: 0,
  attempt_missing: 0,
  disposition_missing: 0,
  dead_letter_missing: 0,
  held_missing: 0,
  end_missing: 0,
  ended_twice: 0,
};
const BALANCED = {
  since: '2026-01-30T09:30:00.000Z',
  until: '2026-01-31T09:30:00.000Z',
  as_of: '2026-01-31T09:30:00.000Z',
  balanced: true,
  accepted: 1_234_567,
  delivered: 1_234_000,
  filtered: 500,
  dead_lettered: 30,
  expired: 20,
  cancelled: 7,
  in_motion: { queued: 1, retrying: 3, held: 6 },
  unaccounted: 0,
  discrepancy_counts: COUNTS,
  discrepancies: [],
};
const ONE = {
  delivery_id: '0198c5e2-7d1a-7c3e-9b51-000000000001',
  event_id: '0198c5e2-7d1a-7c3e-9b51-000000000002',
  subscription_id: '0198c5e2-7d1a-7c3e-9b51-000000000003',
  kind: 'dead_letter_missing',
  detail: 'It was given up (failed); there is no dead letter.',
};
const UNBALANCED = {
  ...BALANCED,
  balanced: false,
  dead_lettered: 27,
  unaccounted: 3,
  discrepancy_counts: { ...COUNTS, dead_letter_missing: 3 },
  discrepancies: [ONE],
};

let server: Server;
let env: Record<string, string>;
/** What is answered from now on, and what was asked last. */
let answer: { status: number; body: unknown; headers?: Record<string, string> };
let asked: IncomingMessage | null;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked = request;
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  env = { MILENA_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});
beforeEach(() => {
  asked = null;
  answer = { status: 200, body: BALANCED };
});
afterAll(() => server.close());

const problem = (status: number, slug: string, detail: string, headers = {}, errors: object[] = []) => ({
  status,
  headers,
  body: { type: `urn:milena:problem:${slug}`, title: 'x', status, detail, errors, request_id: 'r' },
});

describe('npm run audit', () => {
  it('ends with 0 for a ledger that balances, and shows every term of it', async () => {
    const { code, out, err } = await runAudit(env);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('    accepted         1,234,567\n');
    expect(out).toContain('  = delivered        1,234,000\n');
    expect(out).toContain('  + in motion               10   queued 1, retrying 3, held 6\n');
    expect(out).not.toContain('unaccounted');
    expect(asked?.url).toBe('/api/v1/stats/ledger');
    expect(asked?.headers.authorization).toBeUndefined();
  });

  it('ends with 1 for one that does not, and names what does not add up', async () => {
    answer.body = UNBALANCED;
    const { code, out } = await runAudit(env);
    expect(code).toBe(1);
    for (const part of [
      'unaccounted for          3',
      ONE.delivery_id,
      ONE.subscription_id,
      ONE.detail,
      '2 more',
    ])
      expect(out).toContain(part);
    answer.body = { ...UNBALANCED, unaccounted: 0 };
    expect((await runAudit(env)).code).toBe(1);
  });

  it('passes on what was asked, and the key', async () => {
    const since = '2026-01-30T00:00:00+01:00';
    const key = { API_KEY: 'a-key-for-the-audit' };
    await runAudit(
      { ...env, ...key },
      '--subscription',
      ONE.subscription_id,
      '--since',
      since,
      '--until',
      'x',
    );
    expect(asked?.headers.authorization).toBe('Bearer a-key-for-the-audit');
    const query = new URL(asked?.url ?? '', 'http://x').searchParams;
    expect(Object.fromEntries(query)).toEqual({ subscription_id: ONE.subscription_id, since, until: 'x' });
  });

  it('prints the answer itself with --json', async () => {
    answer.body = UNBALANCED;
    const { code, out } = await runAudit(env, '--json');
    expect([code, JSON.parse(out)]).toEqual([1, UNBALANCED]);
  });

  it('explains itself with --help, and asks nobody', async () => {
    const { code, out } = await runAudit(env, '--help');
    for (const word of ['--subscription', '--since', '--until', '--json', 'MILENA_URL', 'API_KEY'])
      expect(out).toContain(word);
    expect([code, asked]).toEqual([0, null]);
  });

  it.each([
    ['no key', problem(401, 'unauthenticated', 'A key is needed.'), 'Set API_KEY'],
    ['a key without the scope', problem(403, 'forbidden', 'The key may not.'), 'lacks the scope read'],
    ["another tenant's subscription", problem(404, 'not-found', 'There is no such subscription.'), 'no such'],
    [
      'a wrong option',
      problem(400, 'invalid-query', 'Not valid.', {}, [{ path: 'since', message: 'must be a time' }]),
      'since: must be a time',
    ],
    [
      'a recorder that is behind',
      problem(503, 'recorder-behind', 'Behind.', { 'retry-after': '10' }),
      'Recorder',
    ],
    [
      'a store that is away',
      problem(503, 'unavailable', 'Away.', { 'retry-after': '1' }),
      'Ask again in 1 s',
    ],
    ['a mistake of ours', problem(500, 'internal', 'Something went wrong.'), 'log'],
    ['another server', { status: 200, body: '<html>' }, 'MILENA_URL'],
    ['another API', { status: 404, body: { error: 'nope' } }, 'MILENA_URL'],
  ])('ends with 2 and says what to do: %s', async (_, reply, advice) => {
    answer = reply;
    const { code, out, err } = await runAudit(env);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(advice);
  });

  it.each([
    ['nobody is there', { MILENA_URL: 'http://127.0.0.1:1' }, []],
    ['the address is none', { MILENA_URL: 'milena' }, []],
    ['an option is not known', {}, ['--subscriptions', 'x']],
    ['an option has no value', {}, ['--since']],
    ['something is left over', {}, ['yesterday']],
  ])('ends with 2 when %s', async (_, variables, options) => {
    const { code, out, err } = await runAudit({ ...env, ...variables }, ...options);
    expect([code, out, asked]).toEqual([2, '', null]);
    expect(err).toMatch(/MILENA_URL|--help|npm run audit/);
  });
});
