import type { EventRow } from '@milena/domain';
import { createHistoryWriter, type ClickHouse } from '../../src/clickhouse/index.ts';
import type { HistoryWriter } from '../../src/ports.ts';
import { disposition, event, openHistory, type History } from './support.ts';

let history: History;
beforeEach(async () => {
  history = await openHistory();
});
afterEach(() => history.close());

/** 'killed': in the moment in which the store has noted the token, and the rows' part has no name yet. */
type Fate = 'stored' | 'refused' | 'answer lost' | 'killed';

/** A writer whose inserts, in the order in which they are sent, have these fates; all after them are stored. */
function writerWith(fates: readonly Fate[]) {
  const sent: number[] = [];
  const clickhouse: ClickHouse = {
    ...history.clickhouse,
    insert: async (table, columns, rows, token) => {
      const fate = fates[sent.length] ?? 'stored';
      sent.push(rows.toString().trimEnd().split('\n').length);
      if (fate !== 'refused') await history.clickhouse.insert(table, columns, rows, token);
      // The token stays known when rows are deleted.
      if (fate === 'killed') {
        await history.clickhouse.command(
          `ALTER TABLE ${table} DELETE WHERE true SETTINGS mutations_sync = 2`,
        );
      }
      if (fate !== 'stored') throw new Error(fate);
    },
  };
  return { writer: createHistoryWriter({ clickhouse }), sent };
}

/** As the recorder does: until it works. */
async function storeEvents(writer: HistoryWriter, rows: readonly EventRow[]): Promise<void> {
  const insert = writer.events();
  for (const row of rows) insert.add(row);
  for (let tries = 1; ; tries += 1) {
    try {
      await insert.store();
      return;
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
}

async function count(table: string): Promise<number> {
  const [row] = await history.clickhouse.select<{ n: number }>(
    `SELECT toUInt32(count()) AS n FROM ${table}`,
    {},
  );
  return row?.n ?? 0;
}

test.each<{ fates: Fate[]; sent: number[] }>([
  { fates: ['stored'], sent: [20] },
  { fates: ['refused'], sent: [20, 20] },
  { fates: ['answer lost', 'answer lost'], sent: [20, 20, 20] },
  { fates: ['killed'], sent: [20, 20, 20] },
  { fates: ['killed', 'stored', 'refused'], sent: [20, 20, 20, 20] },
  { fates: ['killed', 'stored', 'killed', 'refused'], sent: [20, 20, 20, 20, 20, 20] },
])('each row is stored once when inserts are $fates', async ({ fates, sent }) => {
  const rows = Array.from({ length: 20 }, (_, n) => event({ payload: Buffer.from(`"a\\nb ${n}\n"`) }));
  const store = writerWith(fates);
  await storeEvents(store.writer, rows);
  expect(store.sent).toEqual(sent);
  expect(await count('events')).toBe(20);
  expect((await history.deliveries.event(rows[19]!.delivery_id))?.payload).toEqual(rows[19]!.payload);
});

test('of rows that are there in part the missing ones are stored', async () => {
  const rows = [event(), event(), event()];
  const store = writerWith(['killed']);
  const insert = store.writer.events();
  for (const row of rows) insert.add(row);
  await expect(insert.store()).rejects.toThrow('killed');
  await history.writer.insertEvents(rows.slice(0, 1));
  await insert.store();
  expect(store.sent).toEqual([3, 3, 2]);
  expect(await count('events')).toBe(3);
});

test.each<Fate>(['killed', 'answer lost'])(
  'a disposition is sent until it works, and counts once, when its insert is %s',
  async (fate) => {
    const row = event();
    await history.writer.insertEvents([row]);
    const store = writerWith([fate]);
    const insert = store.writer.dispositions();
    insert.add(disposition(row, 'filtered'));
    await expect(insert.store()).rejects.toThrow(fate);
    await insert.store();
    expect(store.sent).toEqual([1, 1]);
    const around = { since: row.accepted_at - 1, until: row.accepted_at + 200_000 };
    expect(await history.stats.totals(around)).toMatchObject({ events: 1, filtered: 1 });
  },
);
