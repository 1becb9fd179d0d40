import { newId, type DeliveryStatus } from '@milena/domain';
import { migrateClickHouse } from '../../src/clickhouse/index.ts';
import { BadCursorError } from '../../src/ports.ts';
import { allPages, attempt, disposition, event, openHistory, T0, type History } from './support.ts';

let history: History;
beforeAll(async () => {
  history = await openHistory();
});
afterAll(() => history.close());

describe('of one event', () => {
  const firstPage = { limit: 10, cursor: null };
  const idsOf = (rows: readonly { delivery_id: string }[]) => rows.map((row) => row.delivery_id);

  test('come those of every subscription and the replays, newest first, with what became of each', async () => {
    const event_id = newId(T0);
    const fannedOut = Array.from({ length: 5 }, () => event({ event_id, accepted_at: T0 + 1 }));
    const [first, second] = [fannedOut[0]!, fannedOut[1]!];
    const { subscription_id, delivery_id: replay_of } = first;
    const replay = event({ event_id, subscription_id, replay_of, accepted_at: T0 + 30 * 3_600_000 });
    const stranger = event({ subscription_id, accepted_at: T0 + 1 });
    await history.writer.insertEvents([...fannedOut, replay, stranger]);
    await history.writer.insertAttempts([
      attempt(first, { outcome: 'failure' }),
      attempt(replay),
      attempt(stranger),
    ]);
    await history.writer.insertDispositions([disposition(second, 'cancelled')]);
    const all = await allPages((page) => history.deliveries.ofEvent({ event_id }, page), 100);
    expect(idsOf(all)[0]).toBe(replay.delivery_id);
    for (const row of all) expect(row).toEqual(await history.deliveries.find(row.delivery_id));
    const statuses = Object.fromEntries(all.map((row) => [row.delivery_id, row.status]));
    expect(statuses).toEqual({
      ...Object.fromEntries(fannedOut.map((row) => [row.delivery_id, 'queued'])),
      ...{
        [first.delivery_id]: 'failed',
        [second.delivery_id]: 'cancelled',
        [replay.delivery_id]: 'delivered',
      },
    });
    for (const limit of [1, 2, 6]) {
      const paged = await allPages((page) => history.deliveries.ofEvent({ event_id }, page), limit);
      expect(idsOf(paged)).toEqual(idsOf(all));
    }
    const { data } = await history.deliveries.ofEvent({ event_id, until: T0 + 2 }, firstPage);
    expect(data).toHaveLength(5);
  });

  test('a rare status is found among more than are looked at in one step', async () => {
    const event_id = newId(T0);
    const rows = Array.from({ length: 1200 }, (_, n) => event({ event_id, accepted_at: T0 + (n % 3) }));
    const rare = [rows[0]!, rows[601]!, rows[1199]!];
    await history.writer.insertEvents(rows);
    await history.writer.insertAttempts(
      rows.map((row) => attempt(row, { outcome: rare.includes(row) ? 'failure' : 'success' })),
    );
    for (const limit of [1, 2, 100]) {
      const of = (status: DeliveryStatus) =>
        allPages((page) => history.deliveries.ofEvent({ event_id, status }, page), limit);
      expect(idsOf(await of('failed')).sort()).toEqual(idsOf(rare).sort());
      expect(await of('retrying')).toEqual([]);
    }
    const delivered = await allPages(
      (page) => history.deliveries.ofEvent({ event_id, status: 'delivered' }, page),
      100,
    );
    expect(new Set(idsOf(delivered)).size).toBe(1197);
  });

  test('what was written twice comes once; another tenant’s, an unknown one and no id not at all', async () => {
    const row = event({ tenant_id: 'shop-1' });
    const { event_id } = row;
    await history.writer.insertEvents([row]);
    await history.writer.insertEvents([row, event()]);
    const of = async (filter: { event_id: string; tenant_id?: string }) =>
      idsOf((await history.deliveries.ofEvent(filter, firstPage)).data);
    expect(await of({ event_id, tenant_id: 'shop-1' })).toEqual([row.delivery_id]);
    expect(await of({ event_id, tenant_id: 'shop-2' })).toEqual([]);
    expect(await of({ event_id: newId(T0) })).toEqual([]);
    expect(await of({ event_id: "' OR 1=1" })).toEqual([]);
    await expect(history.deliveries.ofEvent({ event_id }, { limit: 5, cursor: 'garbage' })).rejects.toThrow(
      BadCursorError,
    );
  });

  test('its index is there, in a table that was made without it as well', async () => {
    const { clickhouse, options } = history;
    const indexes = () =>
      clickhouse.select<{ name: string }>(
        `SELECT name FROM system.data_skipping_indices
         WHERE database = {database:String} AND table = 'events' AND name = 'by_event'`,
        { database: options.database },
      );
    expect(await indexes()).toHaveLength(1);
    await clickhouse.command('ALTER TABLE events DROP INDEX by_event');
    expect(await indexes()).toHaveLength(0);
    await migrateClickHouse(options, { retentionHours: 72 });
    expect(await indexes()).toHaveLength(1);
  });
});
