import { newId } from '@milena/domain';
import type { DeadLetter, DeadLetterStore } from '../src/ports.ts';
import { BadCursorError } from '../src/ports.ts';

const START = Date.UTC(2026, 0, 1);
const DAY_MS = 24 * 3_600_000;

/** What every DeadLetterStore must hold. */
export function describeDeadLetterStore(name: string, open: () => Promise<DeadLetterStore>): void {
  describe(`DeadLetterStore over ${name}`, () => {
    let store: DeadLetterStore;
    beforeAll(async () => {
      store = await open();
    });

    const letter = (changes: Partial<DeadLetter> = {}): DeadLetter => ({
      delivery_id: newId(START),
      event_id: newId(START),
      tenant_id: 'default',
      subscription_id: newId(START),
      event_type: 'order.created',
      content_type: 'application/json',
      payload: Buffer.from('{"a":1}'),
      accepted_at: START,
      replay_of: null,
      target_url: null,
      traceparent: null,
      status: 'open',
      reason: 'answered 500 six times',
      attempts: 6,
      dead_lettered_at: START + 1,
      ...changes,
    });
    const withoutPayload = (whole: DeadLetter): Omit<DeadLetter, 'payload'> => {
      const rest: Partial<DeadLetter> = { ...whole };
      delete rest.payload;
      return rest as Omit<DeadLetter, 'payload'>;
    };

    test('keeps every field, and the payload byte for byte', async () => {
      const everyByte = letter({
        payload: Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256)),
        replay_of: newId(START),
        target_url: 'https://example.com/other',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        accepted_at: START + 123,
        dead_lettered_at: START + 4567,
        reason: 'a reason with "quotes", {braces}, NULL and \\ in it',
      });
      const empty = letter({ payload: Buffer.alloc(0), event_type: null });
      await store.insert([everyByte, empty]);
      expect(await store.find(everyByte.delivery_id)).toEqual(everyByte);
      expect(await store.find(empty.delivery_id)).toEqual(empty);
      expect(await store.find(newId(START))).toBeNull();
    });

    test('a letter that comes again, even within one call, changes nothing', async () => {
      const first = letter();
      await store.insert([first, first]);
      await store.setStatus(first.delivery_id, 'discarded');
      await store.insert([{ ...first, reason: 'again' }]);
      expect(await store.find(first.delivery_id)).toEqual({ ...first, status: 'discarded' });
      await expect(store.insert([])).resolves.toBeUndefined();
    });

    test('lists newest first, page by page, without payloads', async () => {
      const subscription_id = newId(START);
      const letters = [0, 1, 1, 1, 2].map((at) => letter({ subscription_id, dead_lettered_at: START + at }));
      await store.insert(letters);
      const seen: Omit<DeadLetter, 'payload'>[] = [];
      let cursor: string | null = null;
      do {
        const page = await store.list({ subscription_id }, { limit: 2, cursor });
        seen.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor !== null);
      const expected = [...letters].sort(
        (a, b) => b.dead_lettered_at - a.dead_lettered_at || (a.delivery_id < b.delivery_id ? 1 : -1),
      );
      expect(seen).toEqual(expected.map(withoutPayload));
    });

    test('a filter leaves out what does not match; since is included, until is not', async () => {
      const tenant_id = 'filters';
      const wanted = letter({ tenant_id, dead_lettered_at: START + 10 });
      const others = [
        letter({ tenant_id: 'someone-else', dead_lettered_at: START + 10 }),
        letter({ tenant_id, dead_lettered_at: START + 9 }),
        letter({ tenant_id, dead_lettered_at: START + 20 }),
        letter({ tenant_id, dead_lettered_at: START + 10, status: 'replayed' }),
      ];
      await store.insert([wanted, ...others]);
      const found = await store.list(
        { tenant_id, status: 'open', since: START + 10, until: START + 20 },
        { limit: 10, cursor: null },
      );
      expect(found).toEqual({ data: [withoutPayload(wanted)], next_cursor: null });
    });

    test('a cursor it never gave out is refused', async () => {
      await expect(store.list({}, { limit: 1, cursor: 'x' })).rejects.toThrow(BadCursorError);
    });

    test('counts which of these letters are a tenant’s, each once, whatever became of them', async () => {
      const tenant_id = 'counted';
      const own = [letter({ tenant_id }), letter({ tenant_id, status: 'discarded' })];
      const foreign = letter({ tenant_id: 'someone-else' });
      await store.insert([...own, foreign, letter({ tenant_id })]);
      const ids = [...own, foreign].map(({ delivery_id }) => delivery_id);
      expect(await store.countOfTenant(tenant_id, [...ids, ids[0]!, newId(START)])).toBe(2);
      expect(await store.countOfTenant('someone-else', ids)).toBe(1);
      expect(await store.countOfTenant(tenant_id, [])).toBe(0);
    });

    test('of two who settle one letter, one does', async () => {
      const one = letter();
      await store.insert([one]);
      const results = await Promise.all([
        store.setStatus(one.delivery_id, 'replayed'),
        store.setStatus(one.delivery_id, 'discarded'),
      ]);
      expect(results.sort()).toEqual([false, true]);
      expect(await store.setStatus(newId(START), 'discarded')).toBe(false);
    });

    test('pruning drops what is older and nothing else, however much it is', async () => {
      const subscription_id = newId(START);
      const old = Array.from({ length: 2500 }, () =>
        letter({ subscription_id, dead_lettered_at: START - 30 * DAY_MS - 1 }),
      );
      const kept = letter({ subscription_id, dead_lettered_at: START - 30 * DAY_MS });
      await store.insert([...old, kept]);
      expect(await store.prune(START - 30 * DAY_MS)).toBe(2500);
      const left = await store.list({ subscription_id }, { limit: 10, cursor: null });
      expect(left.data).toEqual([withoutPayload(kept)]);
    });
  });
}
