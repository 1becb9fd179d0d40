import { newId } from '@milena/domain';
import type { Motion } from '../src/ledger-ports.ts';
import { failed, T0 } from './clickhouse/support.ts';
import {
  accountedIn,
  BEHIND,
  deliveriesOf,
  FLOWING,
  foundIn,
  IDLE,
  named,
  openLedger,
  writeWorld,
  type LedgerServers,
  type LedgerStores,
} from './support/ledger.ts';

/** When the ledger calls something lost, and what it makes of what has just happened, over a pair of stores. */
export function describeLedgerInTime(name: string, servers: LedgerServers): void {
  describe(`LedgerReader in time, over ${name}`, () => {
    let stores: LedgerStores;
    beforeAll(async () => {
      stores = await openLedger(servers);
    }, 60_000);
    afterAll(() => stores.close());

    describe('a delivery without an end', () => {
      const names = ['queued', 'retrying', 'deferred', 'tried_then', 'resumed'] as const;
      let subscription_id: string;
      let rows: ReturnType<typeof deliveriesOf<(typeof names)[number]>>;
      beforeAll(async () => {
        subscription_id = newId(T0);
        rows = deliveriesOf(subscription_id, ...names);
        await stores.stored((notes) => {
          notes.accepted(...Object.values(rows));
          // All but the first were heard of half a minute after the acceptance.
          const then = { started_at: T0 + 30_000, duration_ms: 0, next_attempt_at: T0 + 40_000 };
          notes.attempted(failed(rows.retrying, 1, then), failed(rows.tried_then, 1, then));
          notes.told(rows.deferred, 'deferred');
          notes.told(rows.tried_then, 'deferred', T0 + 10_000);
          notes.told(rows.resumed, 'held', T0 + 10_000);
          notes.told(rows.resumed, 'resumed');
        });
      });

      /** Those whose end is missed at a time, ms after the acceptance. */
      async function missed(motion: Motion, after: number) {
        const ledger = await stores.ask(subscription_id, { motion, as_of: T0 + after });
        expect([ledger.accepted, accountedIn(ledger) + ledger.found.end_missing]).toEqual([5, 5]);
        const ids = new Set(ledger.discrepancies.map(({ delivery_id }) => delivery_id));
        return names.filter((one) => ids.has(rows[one].delivery_id));
      }

      test('is lost where nothing is in motion', async () => {
        expect(await missed(IDLE, 30_001)).toEqual(names);
      });

      test('is lost where others move on, once its time and a minute of patience are past; one put off may take longer', async () => {
        expect(await missed(FLOWING, 60_000)).toEqual([]);
        expect(await missed(FLOWING, 60_001)).toEqual(['queued']);
        expect(await missed(FLOWING, 90_000)).toEqual(['queued']);
        expect(await missed(FLOWING, 90_001)).toEqual(['queued', 'resumed']);
        const tried = ['queued', 'retrying', 'tried_then', 'resumed'];
        expect(await missed(FLOWING, 100_001)).toEqual(tried);
        expect(await missed(FLOWING, 210_000)).toEqual(tried);
        expect(await missed(FLOWING, 210_001)).toEqual(names);
      });

      test('is lost where workers are behind, once it is older than anything may become', async () => {
        expect(await missed(BEHIND, 240_000)).toEqual([]);
        expect(await missed(BEHIND, 240_001)).toEqual(['queued']);
        expect(await missed(BEHIND, 270_001)).toEqual(names);
      });

      test('is not lost when something happened to it after the moment that is told of', async () => {
        expect(await missed(IDLE, 29_999)).toEqual(['queued']);
        expect(await missed(IDLE, 30_000)).toEqual(['queued']);
      });
    });

    describe('at a moment in the past', () => {
      const then = { as_of: T0 + 25_000, motion: BEHIND };

      test('a delivery stands as it stood', async () => {
        const { subscription_id } = await stores.stored((notes) => writeWorld(notes, { moving: true }));
        const ledger = await stores.ask(subscription_id, then);
        // Second attempts were made twenty seconds after the acceptance; whatever else happened came after thirty.
        const terms = { filtered: 0, held: 0, expired: 0, cancelled: 0, queued: 4, retrying: 2 };
        expect(ledger).toMatchObject({ accepted: 9, delivered: 2, dead_lettered: 1, ...terms });
        expect(foundIn(ledger)).toEqual({});
      });

      test('what one store has from just before it and the other from just after is no contradiction', async () => {
        const subscription_id = newId(T0);
        const rows = deliveriesOf(subscription_id, 'given_up', 'released', 'held', 'held_again');
        const { given_up, released, held, held_again } = rows;
        await stores.stored((notes) => {
          notes.accepted(...Object.values(rows));
          notes.failed(given_up);
          notes.letter(given_up, T0 + 25_001);
          for (const row of [released, held_again]) {
            notes.told(row, 'held', T0 + 10_000);
            notes.told(row, 'resumed', T0 + 25_001);
            notes.held(row, T0 + 10_000);
          }
          notes.told(held_again, 'held', T0 + 25_002);
          notes.told(held, 'held', T0 + 25_000);
          notes.held(held, T0 + 24_999);
        });
        await stores.pg.query(
          'UPDATE held_deliveries SET released_at = to_timestamp($1) WHERE delivery_id = ANY ($2::uuid[])',
          [(T0 + 24_999) / 1000, [released.delivery_id, held_again.delivery_id]],
        );
        await stores.stored((notes) => {
          notes.held(held_again, T0 + 25_002, T0 + 25_001);
        });
        const ledger = await stores.ask(subscription_id, then);
        expect([foundIn(ledger), accountedIn(ledger)]).toEqual([{}, 4]);
      });
    });

    test('a release that the history never heard of is named', async () => {
      const subscription_id = newId(T0);
      const { held } = deliveriesOf(subscription_id, 'held');
      await stores.stored((notes) => {
        notes.accepted(held);
        notes.told(held, 'held');
        notes.held(held);
      });
      expect(named(await stores.ask(subscription_id))).toEqual([]);
      await stores.release(subscription_id);
      expect(named(await stores.ask(subscription_id))).toEqual([[held.delivery_id, 'held_missing']]);
    });
  });
}
