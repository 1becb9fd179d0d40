import { newId, type AttemptView } from '@milena/domain';
import { BadCursorError } from '../../src/ports.ts';
import { allPages, attempt, event, failed, openHistory, T0, type History } from './support.ts';

let history: History;
beforeEach(async () => {
  history = await openHistory();
});
afterEach(() => history.close());

test('an attempt comes back with every field as it was written', async () => {
  const row = event();
  const written = failed(row, 2, {
    replay_of: newId(T0),
    may_repeat: true,
    event_type: null,
    response_body: 'cut \ud83d',
  });
  await history.writer.insertAttempts([written]);
  const { data } = await history.attempts.search({}, { limit: 5, cursor: null });
  expect(data).toEqual<AttemptView[]>([
    {
      id: written.attempt_id,
      delivery_id: written.delivery_id,
      event_id: written.event_id,
      tenant_id: 'default',
      subscription_id: written.subscription_id,
      event_type: null,
      target_url: written.target_url,
      attempt_number: 2,
      started_at: new Date(written.started_at).toISOString(),
      duration_ms: 12.345,
      timings: { dns_ms: 1.5, connect_ms: 2.25, tls_ms: null, first_byte_ms: 10.125 },
      resolved_address: '93.184.216.34',
      subscription_version: 3,
      breaker_state: 'closed',
      lane_state: 'healthy',
      outcome: 'failed_attempt',
      outcome_label: 'Failed Attempt',
      http_status: 503,
      error_kind: 'http_status',
      error_detail: 'answered 503',
      response_headers: { 'content-type': 'text/plain', 'x-odd': 'a"b\\c\n' },
      response_body: 'cut \ufffd',
      next_attempt_at: new Date(written.next_attempt_at!).toISOString(),
      next_reason: 'retry 2',
      replay_of: written.replay_of,
      may_repeat: true,
      worker: 'worker-1',
    },
  ]);
});

test('a search gives what matches, newest first, none twice over all pages', async () => {
  const rows = Array.from({ length: 30 }, (_, i) =>
    event({ tenant_id: i % 2 ? 'one' : 'two', event_type: i % 3 ? 'a' : 'b', accepted_at: T0 + i }),
  );
  const attempts = rows.map((row, i) => attempt(row, { outcome: i % 5 ? 'success' : 'failure' }));
  await history.writer.insertAttempts(attempts);
  const numbers = async (filter: Parameters<typeof history.attempts.search>[0], limit = 4) =>
    (await allPages((page) => history.attempts.search(filter, page), limit)).map((view) =>
      attempts.findIndex((one) => one.attempt_id === view.id),
    );
  const where = (keep: (i: number) => boolean) =>
    rows
      .map((_, i) => i)
      .filter(keep)
      .reverse();
  expect(await numbers({})).toEqual(where(() => true));
  expect(await numbers({ tenant_id: 'one' })).toEqual(where((i) => i % 2 === 1));
  expect(await numbers({ event_type: 'b' })).toEqual(where((i) => i % 3 === 0));
  expect(await numbers({ outcome: 'failure' }, 1)).toEqual(where((i) => i % 5 === 0));
  expect(await numbers({ subscription_id: rows[7]!.subscription_id })).toEqual([7]);
  expect(await numbers({ delivery_id: rows[8]!.delivery_id })).toEqual([8]);
  expect(await numbers({ since: T0 + 10 + 5, until: T0 + 10 + 9 })).toEqual([8, 7, 6, 5]);
  expect(await numbers({ tenant_id: "one' OR 1=1 --" })).toEqual([]);
  expect(await numbers({ subscription_id: 'no id' })).toEqual([]);
});

test('a search over all subscriptions reaches attempts from days ago', async () => {
  const ages = [0, 1, 2, 20, 60].map((hours) => T0 - hours * 3_600_000);
  await history.writer.insertAttempts(ages.map((at) => attempt(event({ accepted_at: at }))));
  const listed = await allPages((page) => history.attempts.search({}, page), 2);
  expect(listed.map((view) => Date.parse(view.started_at) - 10)).toEqual(ages);
});

test('garbage as a cursor or mark is refused', async () => {
  await expect(history.attempts.search({}, { limit: 5, cursor: 'garbage' })).rejects.toThrow(BadCursorError);
  await expect(history.attempts.tail('garbage', 5)).rejects.toThrow(BadCursorError);
});

/** Follows the tail until it has given this many attempts. */
async function follow(mark: string, count: number, limit: number) {
  const seen: AttemptView[] = [];
  while (seen.length < count) {
    const { data, mark: next } = await history.attempts.tail(mark, limit);
    expect(data.length).toBeLessThanOrEqual(limit);
    seen.push(...data);
    mark = next;
  }
  return { seen, mark };
}

test('the tail gives every attempt stored after the mark once, and none from before', async () => {
  const start = await history.attempts.tail(null, 10);
  await history.writer.insertAttempts([attempt(event())]);
  // Attempts stored within the tail's grace before the mark may still come; wait until this one is out of it.
  const before = await follow(start.mark, 1, 10);
  const first = Array.from({ length: 5 }, () => attempt(event()));
  const second = [attempt(event({ accepted_at: T0 - 3_600_000 }))];
  await history.writer.insertAttempts(first);
  await history.writer.insertAttempts(second);
  const { seen, mark } = await follow(before.mark, 6, 2);
  expect(new Set(seen.slice(0, 5).map((view) => view.id))).toEqual(
    new Set(first.map((one) => one.attempt_id)),
  );
  expect(seen[5]?.id).toBe(second[0]?.attempt_id);
  expect((await history.attempts.tail(mark, 10)).data).toEqual([]);
});

const NIL = '00000000-0000-0000-0000-000000000000';
const readMark = (mark: string): { us: number; id: string } => {
  const [us = '', id = ''] = Buffer.from(mark, 'base64url').toString().split('/');
  return { us: Number(us), id };
};

test('the mark of a batch that is not full is the time that was read up to, whatever was stored by then', async () => {
  const { mark: start } = await history.attempts.tail(null, 10);
  const { mark: quiet } = await history.attempts.tail(start, 10);
  expect(readMark(quiet).id).toBe(NIL);
  expect(readMark(quiet).us).toBeGreaterThan(readMark(start).us);
  await history.writer.insertAttempts([attempt(event()), attempt(event())]);
  const { mark } = await follow(quiet, 2, 10);
  const { mark: later } = await history.attempts.tail(mark, 10);
  expect([readMark(mark).id, readMark(later).id]).toEqual([NIL, NIL]);
  expect(readMark(later).us).toBeGreaterThan(readMark(mark).us);
  const ahead = Buffer.from(`${readMark(later).us + 60_000_000}/${NIL}`).toString('base64url');
  expect(await history.attempts.tail(ahead, 10)).toEqual({ data: [], mark: ahead });
});

test('the tail of a tenant has its attempts only, and the mark of a full batch is one of them', async () => {
  const { mark: start } = await history.attempts.tail(null, 10);
  const rows = Array.from({ length: 8 }, (_, i) => attempt(event({ tenant_id: i % 2 ? 'one' : 'two' })));
  await history.writer.insertAttempts(rows);
  await follow(start, 8, 10);
  const ids = rows.filter(({ tenant_id }) => tenant_id === 'one').map(({ attempt_id }) => attempt_id);
  const first = await history.attempts.tail(start, 3, 'one');
  expect(readMark(first.mark).id).toBe(first.data.at(-1)?.id);
  const second = await history.attempts.tail(first.mark, 3, 'one');
  expect([...first.data, ...second.data].map(({ id }) => id).sort()).toEqual(ids.sort());
  expect([second.data.length, readMark(second.mark).id]).toEqual([1, NIL]);
});
