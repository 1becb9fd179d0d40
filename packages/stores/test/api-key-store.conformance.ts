import { randomBytes, randomUUID } from 'node:crypto';
import { createTestClock, type Clock } from '@milena/runtime';
import type { ApiKey, ApiKeyStore } from '../src/access-ports.ts';
import { BadCursorError } from '../src/ports.ts';

const UNKNOWN_ID = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f';

/** What every ApiKeyStore must hold. `open` gives one over an empty store. */
export function describeApiKeyStore(name: string, open: (clock: Clock) => Promise<ApiKeyStore>): void {
  describe(`ApiKeyStore over ${name}`, () => {
    const clock = createTestClock();
    let store: ApiKeyStore;
    beforeAll(async () => {
      store = await open(clock);
    });

    type NewKey = Parameters<ApiKeyStore['insert']>[0];
    const newKey = (over: Partial<NewKey> = {}): NewKey => ({
      name: 'a key',
      prefix: 'mk_abcdefgh',
      hash: randomBytes(32),
      scopes: ['read', 'ingest'],
      tenant_id: null,
      expires_at: null,
      ...over,
    });
    const all = async (tenant_id: string): Promise<ApiKey[]> =>
      (await store.list({ tenant_id }, { limit: 100, cursor: null })).data;

    test('there is none before the first, and there was one ever after, even if it is revoked', async () => {
      expect(await store.any()).toBe(false);
      const { id } = await store.insert(newKey());
      expect(await store.any()).toBe(true);
      await store.revoke(id, {});
      expect(await store.any()).toBe(true);
    });

    test('a key is found by its hash, with every field, and never shows its hash elsewhere', async () => {
      const tenant_id = randomUUID();
      const given = newKey({ tenant_id, expires_at: clock.now() + 1234, name: 'NULL "quoted" {é}' });
      const stored = await store.insert(given);
      const { hash, ...shown } = given;
      expect(stored).toEqual({ ...shown, id: stored.id, created_at: clock.now() });
      expect(await store.findByHash(hash)).toEqual({ ...stored, hash });
      expect(await all(tenant_id)).toEqual([stored]);
      expect(await store.findByHash(randomBytes(32))).toBeNull();
    });

    test('an expired one is still found: its reader has the clock', async () => {
      const key = newKey({ expires_at: clock.now() - 1 });
      await store.insert(key);
      expect(await store.findByHash(key.hash)).toMatchObject({ expires_at: key.expires_at });
    });

    test('no two keys have one hash', async () => {
      const key = newKey();
      await store.insert(key);
      await expect(store.insert(key)).rejects.toThrow();
    });

    test('a revoked key is gone for its holder and from the list, and can not be revoked again', async () => {
      const tenant_id = randomUUID();
      const key = newKey({ tenant_id });
      const stored = await store.insert(key);
      expect(await store.revoke(stored.id, {})).toEqual({ ...stored, hash: key.hash });
      expect(await store.findByHash(key.hash)).toBeNull();
      expect(await all(tenant_id)).toEqual([]);
      expect(await store.revoke(stored.id, {})).toBeNull();
      expect(await store.revoke(UNKNOWN_ID, {})).toBeNull();
    });

    test("within a tenant only that tenant's keys are listed and revoked", async () => {
      const [mine, other] = [randomUUID(), randomUUID()];
      const ours = await store.insert(newKey({ tenant_id: mine }));
      const theirs = await store.insert(newKey({ tenant_id: other }));
      const everybodys = newKey();
      const { id } = await store.insert(everybodys);
      expect(await all(mine)).toEqual([ours]);
      expect(await store.revoke(theirs.id, { tenant_id: mine })).toBeNull();
      expect(await store.revoke(id, { tenant_id: mine })).toBeNull();
      expect(await store.findByHash(everybodys.hash)).not.toBeNull();
      expect(await store.revoke(ours.id, { tenant_id: mine })).toMatchObject({ id: ours.id });
    });

    test('lists newest first, page by page, keys of one moment by their ids', async () => {
      const tenant_id = randomUUID();
      const made: ApiKey[] = [];
      for (let i = 0; i < 5; i += 1) {
        made.push(await store.insert(newKey({ tenant_id })));
        if (i % 2 === 1) clock.advance(1000);
      }
      const seen: ApiKey[] = [];
      let cursor: string | null = null;
      do {
        const page = await store.list({ tenant_id }, { limit: 2, cursor });
        seen.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor !== null);
      expect(seen).toEqual(made.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1)));
      await expect(store.list({}, { limit: 1, cursor: 'x' })).rejects.toThrow(BadCursorError);
    });
  });
}
