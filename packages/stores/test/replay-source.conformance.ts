import { newId, type EventRow } from '@milena/domain';
import type { ReplayFilter, ReplayPosition, ReplaySource } from '../src/replay-ports.ts';

/** Recent enough for every retention. */
const START = Math.floor(Date.now() / 1000) * 1000 - 600_000;

export interface OpenSource {
  source: ReplaySource;
  /** Of these statuses the first is wanted, the second isn't. */
  statuses: readonly [string, string];
  kind: ReplayFilter['source'];
  /** Stores the row as one that came to this end at its `accepted_at`. */
  put(rows: readonly { row: EventRow; status: string }[]): Promise<void>;
}

/** What every ReplaySource must hold. */
export function describeReplaySource(name: string, open: () => Promise<OpenSource>): void {
  describe(`ReplaySource over ${name}`, () => {
    let opened: OpenSource;
    beforeAll(async () => {
      opened = await open();
    });

    const rowOf = (subscription_id: string, at: number, over: Partial<EventRow> = {}): EventRow => ({
      delivery_id: newId(START + at),
      event_id: newId(START),
      tenant_id: 'default',
      subscription_id,
      event_type: 'order.created',
      content_type: 'application/json',
      payload: Buffer.from('{"b":1,  "a":12345678901234567890,"u":"\\u00e9 é", "b":2}'),
      accepted_at: START + at,
      replay_of: null,
      target_url: null,
      traceparent: null,
      ...over,
    });
    const filterOf = (subscription_id: string, over: Partial<ReplayFilter> = {}): ReplayFilter => ({
      source: opened.kind,
      subscription_id,
      tenant_id: null,
      event_type: null,
      since: null,
      until: START + 60_000,
      ids: null,
      statuses: [opened.statuses[0]],
      ...over,
    });
    const put = (rows: readonly EventRow[], status = opened.statuses[0]) =>
      opened.put(rows.map((row) => ({ row, status })));
    const idsOf = (rows: readonly EventRow[]) => rows.map(({ delivery_id }) => delivery_id);

    async function everything(filter: ReplayFilter, limit = 2, max_bytes = 1e9) {
      const items: EventRow[] = [];
      const ends: ReplayPosition[] = [];
      let after: ReplayPosition | null = null;
      for (;;) {
        const step = await opened.source.next(filter, after, { end: null, limit, max_bytes });
        if (step.end === null) return { items, ends };
        items.push(...step.items);
        ends.push(step.end);
        after = step.end;
      }
    }

    test('gives every field, and the payload byte for byte', async () => {
      const id = newId(START);
      const row = rowOf(id, 0, { replay_of: newId(START), traceparent: '00-abc-def-01', event_type: null });
      await put([row]);
      const { items } = await everything(filterOf(id));
      expect(items).toMatchObject([row]);
    });

    test('gives all of them once, oldest first, however they are cut, also within one millisecond', async () => {
      const id = newId(START);
      const rows = [0, 1, 1, 1, 1, 1, 2, 3].map((at) => rowOf(id, at));
      await put(rows);
      for (const limit of [1, 2, 3, 100]) {
        const { items } = await everything(filterOf(id), limit);
        expect(idsOf(items).sort()).toEqual(idsOf(rows).sort());
        expect(items.map(({ accepted_at }) => accepted_at)).toEqual(
          rows.map(({ accepted_at }) => accepted_at),
        );
      }
      expect(await opened.source.count(filterOf(id))).toBe(8);
    });

    test('a part between two positions is the same again, however much is stored beside it', async () => {
      const id = newId(START);
      await put([0, 2, 4, 6, 8].map((at) => rowOf(id, at)));
      const { ends } = await everything(filterOf(id), 2);
      const [first, second] = ends;
      const bounds = { limit: 1, max_bytes: 1 };
      const part = () => opened.source.next(filterOf(id), first!, { end: second!, ...bounds });
      const before = await part();
      await put([7, 9].map((at) => rowOf(id, at)));
      expect(await part()).toEqual(before);
      expect(before.items).toHaveLength(2);
      expect(before.end).toEqual(second);
    });

    test('a step is bounded by bytes, and a single larger item still goes', async () => {
      const id = newId(START);
      const payload = Buffer.from(`"${'x'.repeat(998)}"`);
      await put([0, 1, 2, 3].map((at) => rowOf(id, at, { payload })));
      expect((await everything(filterOf(id), 100, 2500)).ends.length).toBeGreaterThanOrEqual(2);
      expect((await everything(filterOf(id), 100, 1)).ends).toHaveLength(4);
    });

    test('a filter leaves out what does not match; since is included, until is not', async () => {
      const id = newId(START);
      const wanted = rowOf(id, 10);
      await put([
        wanted,
        rowOf(newId(START), 10),
        rowOf(id, 9),
        rowOf(id, 20),
        rowOf(id, 10, { event_type: 'order.paid' }),
      ]);
      await put([rowOf(id, 10)], opened.statuses[1]);
      const filter = filterOf(id, { event_type: 'order.created', since: START + 10, until: START + 20 });
      expect(idsOf((await everything(filter)).items)).toEqual([wanted.delivery_id]);
      expect(await opened.source.count(filter)).toBe(1);
      const byId = filterOf(id, { ids: [wanted.delivery_id] });
      expect(idsOf((await everything(byId)).items)).toEqual([wanted.delivery_id]);
      const both = filterOf(id, { statuses: [...opened.statuses] });
      expect(await opened.source.count(both)).toBe(5);
    });

    test('what went to another URL is none of the subscription’s own', async () => {
      const id = newId(START);
      const own = rowOf(id, 1);
      const copy = rowOf(id, 2, { replay_of: own.delivery_id, target_url: 'https://staging.example.com/' });
      await put([own, copy], opened.statuses[1]);
      const filter = filterOf(id, { statuses: [opened.statuses[1]] });
      expect(idsOf((await everything(filter)).items)).toEqual([own.delivery_id]);
      expect(await opened.source.count(filter)).toBe(1);
      const byId = { ...filter, ids: [copy.delivery_id] };
      expect(await everything(byId)).toMatchObject({ items: [] });
      expect(await opened.source.count(byId)).toBe(0);
    });

    test('where nothing is, nothing comes', async () => {
      const filter = filterOf(newId(START));
      expect(await everything(filter)).toEqual({ items: [], ends: [] });
      expect(await opened.source.count(filter)).toBe(0);
    });
  });
}
