import { createEventSource } from '../../src/clickhouse/index.ts';
import { describeReplaySource, type OpenSource } from '../replay-source.conformance.ts';
import { attempt, disposition, event, openHistory, type History } from './support.ts';

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

test('steps over what has another status without giving anything, and says that more may follow', async () => {
  const { source } = await open();
  const subscription_id = event().subscription_id;
  const rows = [0, 1, 2, 3].map((n) => event({ subscription_id, accepted_at: Date.now() - 60_000 + n }));
  await history.writer.insertEvents(rows);
  await history.writer.insertDispositions([disposition(rows[3]!, 'cancelled')]);
  const filter = {
    ...{ source: 'events' as const, subscription_id, tenant_id: null, event_type: null, since: null },
    ...{ until: Date.now(), ids: null, statuses: ['cancelled'] },
  };
  const bounds = { end: null, limit: 3, max_bytes: 1e6 };
  const first = await source.next(filter, null, bounds);
  expect([first.items, first.end === null]).toEqual([[], false]);
  const second = await source.next(filter, first.end, bounds);
  expect(second.items.map(({ delivery_id }) => delivery_id)).toEqual([rows[3]!.delivery_id]);
  expect((await source.next(filter, second.end, bounds)).end).toBeNull();
});
