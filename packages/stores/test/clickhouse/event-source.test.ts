import type { EventRow } from '@milena/domain';
import { createEventSource } from '../../src/clickhouse/index.ts';
import { describeReplaySource, type OpenSource } from '../replay-source.conformance.ts';
import type { ReplayPosition } from '../../src/replay-ports.ts';
import { attempt, disposition, event, openHistory, T0, type History } from './support.ts';

let history: History;
beforeAll(async () => {
  history = await openHistory();
});
afterAll(() => history.close());

const open = () =>
  Promise.resolve({
    source: createEventSource({ clickhouse: history.clickhouse }),
    statuses: ['failed', 'delivered'] as const,
    kind: 'events' as const,
    put: async (rows: Parameters<OpenSource['put']>[0]) => {
      await history.writer.insertEvents(rows.map(({ row }) => row));
      await history.writer.insertAttempts(
        rows.map(({ row, status }) => attempt(row, { outcome: status === 'failed' ? 'failure' : 'success' })),
      );
    },
  });

describeReplaySource('ClickHouse', open);

/** Events of one subscription, a millisecond apart, of which nothing is told; made by the server, as they are many or large. */
async function many(count: number, { bytes = 1 } = {}): Promise<string> {
  const { subscription_id } = event();
  await history.clickhouse.command(
    `INSERT INTO events (subscription_id, accepted_at, delivery_id, event_id, tenant_id, content_type, payload)
     SELECT '${subscription_id}', fromUnixTimestamp64Milli(toInt64(${T0} + number)), generateUUIDv4(), generateUUIDv4(),
       'default', 'text/plain', repeat('x', ${bytes}) FROM numbers(${count}) SETTINGS max_block_size = ${bytes > 1 ? 8 : 65_536}`,
  );
  return subscription_id;
}

/** Of which the history says that they were cancelled. */
async function cancelled(subscription_id: string, times: readonly number[], payload = Buffer.from('1')) {
  const rows = times.map((at) => event({ subscription_id, accepted_at: T0 + at, payload }));
  await history.writer.insertEvents(rows);
  await history.writer.insertDispositions(rows.map((row) => disposition(row, 'cancelled')));
  return rows.map(({ accepted_at, delivery_id }) => ({ at: accepted_at, id: delivery_id }));
}

const filterOf = (subscription_id: string) => ({
  ...{ source: 'events' as const, subscription_id, tenant_id: null, event_type: null, since: null },
  ...{ until: Date.now(), ids: null, statuses: ['cancelled'] },
});
const keysOf = (rows: readonly EventRow[]) =>
  rows.map(({ accepted_at, delivery_id }) => ({ at: accepted_at, id: delivery_id }));
const within = (limit: number, end: ReplayPosition | null = null) => ({ end, limit, max_bytes: 1e6 });

test('looks at thousands of another status in one step, and says that more may follow', async () => {
  const { source } = await open();
  const subscription_id = await many(10_500);
  const rows = await cancelled(subscription_id, [10_400]);
  const first = await source.next(filterOf(subscription_id), null, within(1));
  expect([first.items, first.end?.at]).toEqual([[], T0 + 9999]);
  const second = await source.next(filterOf(subscription_id), first.end, within(2));
  expect([keysOf(second.items), second.end?.at]).toEqual([rows, T0 + 10_499]);
  expect((await source.next(filterOf(subscription_id), second.end, within(1))).end).toBeNull();
});

test('a step ends with the last that it gives, however few of those between match', async () => {
  const { source } = await open();
  const subscription_id = await many(3000);
  const rows = await cancelled(subscription_id, [5, 1500, 2000, 2900]);
  const filter = filterOf(subscription_id);
  const first = await source.next(filter, null, within(3));
  expect([keysOf(first.items), first.end]).toEqual([rows.slice(0, 3), rows[2]]);
  // Made again after a crash it is the same, by its end alone.
  expect(await source.next(filter, null, within(1, first.end))).toEqual(first);
  const second = await source.next(filter, first.end, within(3));
  expect([keysOf(second.items), second.end?.at]).toEqual([rows.slice(3), T0 + 2999]);
});

test('only what it gives counts for its bytes', async () => {
  const { source } = await open();
  const subscription_id = await many(100, { bytes: 100_000 });
  const rows = await cancelled(subscription_id, [50, 60, 70], Buffer.alloc(400_000, 'x'));
  const { items, end } = await source.next(filterOf(subscription_id), null, within(100));
  expect([keysOf(items), end]).toEqual([rows.slice(0, 2), rows[1]]);
});

test('where events are large it looks at fewer', async () => {
  const { source } = await open();
  const subscription_id = await many(80, { bytes: 1_000_000 });
  const { items, end } = await source.next(filterOf(subscription_id), null, within(100));
  // Two looks at 17 of them.
  expect([items, end?.at]).toEqual([[], T0 + 33]);
});
