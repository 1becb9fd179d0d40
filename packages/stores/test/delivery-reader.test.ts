import { newId } from '@milena/domain';
import { createTestClock } from '@milena/runtime';
import { decodeCursor, idOrder, pageOf } from '../src/cursor.ts';
import {
  createDeliveryReader,
  type DeliveryReader,
  type DeliveryView,
  type Page,
  type PageRequest,
} from '../src/index.ts';
import { allPages } from './support/all-pages.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 5, 1);
const subscription_id = newId(NOW);

const view = (hoursAgo: number, over: Partial<DeliveryView> = {}): DeliveryView => {
  const accepted_at = NOW - hoursAgo * HOUR;
  return {
    ...{
      delivery_id: newId(accepted_at),
      event_id: newId(accepted_at),
      tenant_id: 'default',
      subscription_id,
    },
    ...{
      event_type: null,
      content_type: 'application/json',
      payload_bytes: 2,
      accepted_at,
      replay_of: null,
      target_url: null,
    },
    ...{ status: 'held', attempts_made: 0, last_attempt_at: null, next_attempt_at: null, reason: '' },
    ...over,
  };
};

/** Over these rows; counts the lists that it is asked for. */
function readerOf(rows: readonly DeliveryView[]): DeliveryReader & { asked: number } {
  const listed = (
    of: readonly DeliveryView[],
    until: number,
    { limit, cursor }: PageRequest,
  ): Promise<Page<DeliveryView>> => {
    reader.asked += 1;
    const after = cursor === null ? null : decodeCursor(cursor);
    const place = (at: number, id: string) => `${at} ${idOrder(id)}`;
    const placeOf = (row: DeliveryView) => place(row.accepted_at, row.delivery_id);
    const found = of
      .filter((row) => row.accepted_at < until)
      .filter((row) => after === null || placeOf(row) < place(after.at, after.id))
      .sort((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1));
    return Promise.resolve(
      pageOf(found.slice(0, limit + 1), limit, (row) => ({ at: row.accepted_at, id: row.delivery_id })),
    );
  };
  const reader: DeliveryReader & { asked: number } = {
    asked: 0,
    find: (id) => Promise.resolve(rows.find((row) => row.delivery_id === id) ?? null),
    event: (id) => {
      const found = rows.find((row) => row.delivery_id === id);
      const rest = { payload: Buffer.from('{}'), target_url: null, traceparent: null };
      return Promise.resolve(found ? { ...found, ...rest } : null);
    },
    list: ({ until = Infinity }, page) => listed(rows, until, page),
    ofEvent: ({ event_id, until = Infinity }, page) =>
      listed(
        rows.filter((row) => row.event_id === event_id),
        until,
        page,
      ),
  };
  return reader;
}

const open = (recorded: readonly DeliveryView[], kept: readonly DeliveryView[]) => {
  const held = readerOf(kept);
  const clock = createTestClock(NOW);
  return {
    held,
    reader: createDeliveryReader({ history: readerOf(recorded), held, historyMs: 72 * HOUR, clock }),
  };
};
const hoursOf = (rows: readonly DeliveryView[]) => rows.map((row) => (NOW - row.accepted_at) / HOUR);

test('what is held is found when the history has forgotten it, and as the history tells it until then', async () => {
  const both = view(10, { last_attempt_at: NOW });
  const old = view(100);
  const { reader } = open([both], [{ ...both, last_attempt_at: null }, old]);
  expect(await reader.find(both.delivery_id)).toEqual(both);
  expect(await reader.find(old.delivery_id)).toEqual(old);
  expect(await reader.find(newId(NOW))).toBeNull();
  expect((await reader.event(old.delivery_id))?.payload.toString()).toBe('{}');
  expect(await reader.event(newId(NOW))).toBeNull();
});

test.each([1, 2, 3, 20])(
  'a list of %i a page goes on with what is held, each once and in order',
  async (limit) => {
    // 90: of a part that has yet to expire.
    const recorded = [1, 2, 71, 73, 75, 90].map((hours) => view(hours, { status: 'queued' }));
    const inBoth = recorded.filter((row) => [71, 75].includes((NOW - row.accepted_at) / HOUR));
    const kept = [
      ...inBoth.map((row): DeliveryView => ({ ...row, status: 'held' })),
      ...[74, 80, 95, 100].map((hours) => view(hours)),
    ];
    const { reader } = open(recorded, kept);
    const rows = await allPages((page) => reader.list({ subscription_id }, page), limit);
    expect(hoursOf(rows)).toEqual([1, 2, 71, 73, 74, 75, 80, 90, 95, 100]);
    expect(rows.filter((row) => row.status === 'queued')).toHaveLength(5);
  },
);

test.each([1, 2, 5])('of one millisecond too each comes once, %i a page', async (limit) => {
  const rows = Array.from({ length: 9 }, () => view(74));
  const { reader } = open(rows.slice(0, 6), rows.slice(3));
  const ids = (await allPages((page) => reader.list({ subscription_id }, page), limit)).map(
    (row) => row.delivery_id,
  );
  expect(ids).toHaveLength(9);
  expect(new Set(ids)).toEqual(new Set(rows.map((row) => row.delivery_id)));
});

test('once the history begins to forget, what is held tells what is held', async () => {
  const old = view(74);
  const young = view(71);
  const queued = (row: DeliveryView): DeliveryView => ({ ...row, status: 'queued' });
  const { reader } = open([queued(old), queued(young)], [old, young]);
  expect((await reader.find(old.delivery_id))?.status).toBe('held');
  expect((await reader.find(young.delivery_id))?.status).toBe('queued');
  const { data } = await reader.list({ subscription_id }, { limit: 10, cursor: null });
  expect(data.map((row) => row.status)).toEqual(['queued', 'held']);
});

test('a page that ends within the history asks for nothing else', async () => {
  const { reader, held } = open(
    [1, 2, 3].map((hours) => view(hours)),
    [view(100)],
  );
  await reader.list({ subscription_id }, { limit: 2, cursor: null });
  expect(held.asked).toBe(0);
});

test('nothing newer than asked for comes from what is held', async () => {
  const { reader } = open([], [view(80), view(90), view(100)]);
  const { data } = await reader.list(
    { subscription_id, until: NOW - 85 * HOUR },
    { limit: 10, cursor: null },
  );
  expect(hoursOf(data)).toEqual([90, 100]);
});

test.each([1, 2, 10])(
  'an event older than the history has its held deliveries and its replays, %i a page',
  async (limit) => {
    const event_id = newId(NOW - 100 * HOUR);
    const replays = [1, 71].map((hours) => view(hours, { event_id, status: 'queued' }));
    const kept = [...[99, 100, 100].map((hours) => view(hours, { event_id })), view(100)];
    const { reader } = open(replays, kept);
    const rows = await allPages((page) => reader.ofEvent({ event_id }, page), limit);
    expect(hoursOf(rows)).toEqual([1, 71, 99, 100, 100]);
  },
);

test('of an event that the history has all of, nothing else is asked', async () => {
  const event_id = newId(NOW - 2 * HOUR);
  const { reader, held } = open([view(1, { event_id })], []);
  const { data } = await reader.ofEvent({ event_id }, { limit: 5, cursor: null });
  expect(hoursOf(data)).toEqual([1]);
  expect(held.asked).toBe(0);
});
