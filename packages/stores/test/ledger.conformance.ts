import { newId } from '@milena/domain';
import type { Ledger, LedgerKind } from '../src/ledger-ports.ts';
import { event, failed, T0 } from './clickhouse/support.ts';
import {
  accountedIn,
  BEHIND,
  deliveriesOf,
  ENDED_WORLD,
  FLOWING,
  foundIn,
  named,
  openLedger,
  WORLD,
  writeWorld,
  type LedgerServers,
  type LedgerStores,
  type LedgerTable,
  type World,
} from './support/ledger.ts';

/** What is removed; of which delivery; and then what it is named for, and which terms change. */
type Removal = [string, LedgerTable, keyof World['rows'], LedgerKind, Partial<Ledger>];
const REMOVALS: Removal[] = [
  ['the event of one that was delivered', 'events', 'delivered', 'event_missing', { accepted: 6 }],
  ['the event of one that was filtered', 'events', 'filtered', 'event_missing', { accepted: 6 }],
  ['the event of a dead letter', 'events', 'dead_lettered', 'event_missing', { accepted: 6 }],
  ['the event of one that is held', 'events', 'held', 'event_missing', { accepted: 6 }],
  ['the attempts of one that was delivered', 'attempts', 'delivered', 'end_missing', { delivered: 1 }],
  ['the attempts of a dead letter', 'attempts', 'dead_lettered', 'attempt_missing', {}],
  ['what is told of one that was filtered', 'dispositions', 'filtered', 'end_missing', { filtered: 0 }],
  ['what is told of one that was cancelled', 'dispositions', 'cancelled', 'end_missing', { cancelled: 0 }],
  [
    'what is told of one that expired',
    'dispositions',
    'expired',
    'attempt_missing',
    { expired: 0, dead_lettered: 2 },
  ],
  ['what is told of one that is held', 'dispositions', 'held', 'disposition_missing', {}],
  [
    'the letter of one that failed',
    'dead_letters',
    'dead_lettered',
    'dead_letter_missing',
    { dead_lettered: 0 },
  ],
  ['the letter of one that expired', 'dead_letters', 'expired', 'dead_letter_missing', {}],
  ['what is held', 'held_deliveries', 'held', 'held_missing', { held: 0 }],
];

/** What the ledger must hold over a pair of stores. */
export function describeLedger(name: string, servers: LedgerServers): void {
  describe(`LedgerReader over ${name}`, () => {
    let stores: LedgerStores;
    beforeAll(async () => {
      stores = await openLedger(servers);
    }, 60_000);
    afterAll(() => stores.close());

    describe('a whole world', () => {
      let world: World;
      beforeAll(async () => {
        world = await stores.stored((notes) => writeWorld(notes, { moving: true }));
      });

      test('counts every fate once, a replay as a delivery of its own, and nothing is wrong', async () => {
        const ledger = await stores.ask(world.subscription_id, { motion: BEHIND });
        expect(ledger).toMatchObject(WORLD);
        expect([foundIn(ledger), ledger.discrepancies]).toEqual([{}, []]);
      });

      test('is none of another subscription, another tenant or another time', async () => {
        const { subscription_id } = world;
        const none = { accepted: 0, dead_lettered: 0, held: 0 };
        const ask = (over: Parameters<LedgerStores['ask']>[1]) => stores.ask(subscription_id, over);
        expect(await stores.ask(newId(T0))).toMatchObject(none);
        expect(await ask({ tenant_id: 'another' })).toMatchObject(none);
        expect(await ask({ since: T0 + 1 })).toMatchObject(none);
        expect(await ask({ until: T0 })).toMatchObject(none);
        const exactly = { tenant_id: 'default', since: T0, until: T0 + 1, motion: BEHIND };
        expect(await ask(exactly)).toMatchObject(WORLD);
      });

      test('counts once what is stored twice', async () => {
        const { rows, subscription_id } = world;
        await stores.stored((notes) => {
          notes.accepted(rows.delivered);
          notes.delivered(rows.delivered);
          notes.told(rows.filtered, 'filtered');
          notes.told(rows.held, 'held');
        });
        const ledger = await stores.ask(subscription_id, { motion: BEHIND });
        expect([ledger, foundIn(ledger)]).toMatchObject([WORLD, {}]);
      });
    });

    describe('a row that is removed', () => {
      let worlds: World[];
      beforeAll(async () => {
        worlds = await stores.stored((notes) => REMOVALS.map(() => writeWorld(notes, { moving: false })));
        const tables = new Set(REMOVALS.map(([, table]) => table));
        for (const table of tables) {
          const ids = REMOVALS.flatMap(([, from, whose], n) =>
            from === table ? [worlds[n]!.rows[whose].delivery_id] : [],
          );
          await stores.remove(table, ids);
        }
      }, 60_000);

      test.each(REMOVALS.map((removal, n) => [...removal, n] as const))(
        '%s: its delivery is named, and no other',
        async (_what, _table, whose, kind, terms, n) => {
          const { subscription_id, rows } = worlds[n]!;
          const ledger = await stores.ask(subscription_id);
          expect(named(ledger)).toEqual([[rows[whose].delivery_id, kind]]);
          expect(foundIn(ledger)).toEqual({ [kind]: 1 });
          expect(ledger).toMatchObject({ ...ENDED_WORLD, ...terms });
          expect(ledger.discrepancies[0]).toMatchObject({ event_id: rows[whose].event_id, subscription_id });
        },
      );

      test('one attempt of several: the last leaves a delivery without an end, any other is named by its number', async () => {
        const { subscription_id, rows, replay } = await stores.stored((notes) =>
          writeWorld(notes, { moving: false }),
        );
        await stores.remove('attempts', [rows.delivered.delivery_id], ' AND attempt_number = 1');
        await stores.remove('attempts', [replay.delivery_id], ' AND attempt_number = 2');
        const ledger = await stores.ask(subscription_id, { motion: FLOWING });
        expect(named(ledger)).toEqual(
          [
            [rows.delivered.delivery_id, 'attempt_missing'],
            [replay.delivery_id, 'end_missing'],
          ].sort(),
        );
        const details = ledger.discrepancies.map(({ detail }) => detail);
        expect(details).toContain('Of its 2 attempts 1 is not recorded.');
        expect(ledger).toMatchObject({ accepted: 7, delivered: 1 });
      });
    });

    test('a dead letter and something held, of which nothing else is recorded, are named', async () => {
      const subscription_id = newId(T0);
      const { letter, held } = deliveriesOf(subscription_id, 'letter', 'held');
      await stores.stored((notes) => {
        notes.letter(letter);
        notes.held(held);
      });
      const ledger = await stores.ask(subscription_id);
      expect(named(ledger)).toEqual(
        [
          [letter.delivery_id, 'event_missing'],
          [held.delivery_id, 'event_missing'],
        ].sort(),
      );
      expect(ledger).toMatchObject({ accepted: 0, dead_lettered: 1, held: 1 });
    });

    test('two whose ids share a bucket are both named, though they balance each other in number', async () => {
      const subscription_id = newId(T0);
      const inBucket = () =>
        event({ subscription_id, delivery_id: newId(T0).replace(/-.{4}-(?=.{12}$)/, '-9abc-') });
      const [without, beyond] = [inBucket(), inBucket()];
      await stores.stored((notes) => {
        notes.accepted(without, beyond);
        notes.failed(without);
        notes.letter(beyond);
      });
      expect(named(await stores.ask(subscription_id))).toEqual(
        [
          [without.delivery_id, 'dead_letter_missing'],
          [beyond.delivery_id, 'attempt_missing'],
        ].sort(),
      );
    });

    test('two ends that exclude each other are named, unless a crash explains them', async () => {
      const subscription_id = newId(T0);
      const rows = deliveriesOf(subscription_id, 'twice', 'crashed', 'letter', 'filtered');
      const final = { outcome: 'failure', next_attempt_at: null } as const;
      await stores.stored((notes) => {
        notes.accepted(...Object.values(rows));
        for (const row of Object.values(rows)) notes.delivered(row);
        notes.attempted(
          failed(rows.twice, 3, final),
          failed(rows.crashed, 3, { ...final, may_repeat: true }),
        );
        for (const row of [rows.twice, rows.crashed, rows.letter]) notes.letter(row);
        notes.told(rows.filtered, 'filtered');
      });
      const ledger = await stores.ask(subscription_id);
      const wrong = [rows.twice, rows.letter, rows.filtered];
      expect(named(ledger)).toEqual(wrong.map((row) => [row.delivery_id, 'ended_twice']).sort());
      expect(ledger).toMatchObject({ accepted: 4, delivered: 3, filtered: 1, dead_lettered: 0 });
    });

    test('attempts that a crash cut off are not missed', async () => {
      const subscription_id = newId(T0);
      const row = event({ subscription_id });
      await stores.stored((notes) => {
        notes.accepted(row);
        notes.attempted(failed(row, 2, { outcome: 'success', may_repeat: true }));
      });
      expect(foundIn(await stores.ask(subscription_id))).toEqual({});
    });

    test('a cancellation while the last attempt was under way is no contradiction', async () => {
      const subscription_id = newId(T0);
      const { delivered, given_up, held } = deliveriesOf(subscription_id, 'delivered', 'given_up', 'held');
      await stores.stored((notes) => {
        for (const row of [delivered, given_up, held]) {
          notes.accepted(row);
          notes.told(row, 'cancelled');
        }
        notes.delivered(delivered);
        notes.failed(given_up);
        notes.letter(given_up);
        // What was on its way into the hold is dropped at its release.
        notes.told(held, 'held', T0 + 1000);
        notes.held(held, T0 + 1000);
      });
      const ledger = await stores.ask(subscription_id);
      const terms = { accepted: 3, delivered: 1, cancelled: 2, dead_lettered: 0, held: 0 };
      expect([ledger, foundIn(ledger)]).toMatchObject([terms, {}]);
    });

    test('counts all that is wrong, and names as many as were asked for', async () => {
      const subscription_id = newId(T0);
      await stores.stored((notes) => {
        const rows = Array.from({ length: 50 }, () => event({ subscription_id }));
        notes.accepted(...rows);
        for (const row of rows.slice(0, 30)) notes.failed(row);
        for (const row of rows.slice(0, 5)) notes.letter(row);
      });
      const ledger = await stores.ask(subscription_id, { limit: 10 });
      expect(foundIn(ledger)).toEqual({ dead_letter_missing: 25, end_missing: 20 });
      expect(ledger.discrepancies).toHaveLength(10);
      expect((await stores.ask(subscription_id, { limit: 44 })).discrepancies).toHaveLength(44);
      expect((await stores.ask(subscription_id)).discrepancies).toHaveLength(45);
      expect(ledger).toMatchObject({ accepted: 50, dead_lettered: 5, queued: 0 });
      expect(accountedIn(ledger)).toBe(5);
    });

    test('comes to the same in steps of time, and counts what lies beyond the ids that it may read', async () => {
      const subscription_id = newId(T0);
      await stores.stored((notes) => {
        const rows = Array.from({ length: 40 }, (_, n) =>
          event({ subscription_id, accepted_at: T0 + n * 100 }),
        );
        notes.accepted(...rows);
        for (const row of rows.slice(0, 30)) notes.failed(row);
        for (const row of rows.slice(10, 20)) notes.letter(row);
        notes.told(rows[30]!, 'held');
        notes.held(rows[30]!);
      });
      const range = { since: T0 };
      const whole = await stores.ask(subscription_id, range);
      expect(foundIn(whole)).toEqual({ dead_letter_missing: 20, end_missing: 9 });
      const inSteps = await stores.ask(
        subscription_id,
        { since: T0, until: T0 + 4000 },
        { step: 7, ids: 50_000 },
      );
      const comparable = (ledger: Ledger) => ({ ...ledger, discrepancies: named(ledger) });
      expect(comparable(inSteps)).toEqual(comparable(whole));
      const few = await stores.ask(subscription_id, range, { step: 1000, ids: 3 });
      expect({ ...few, discrepancies: [] }).toEqual({ ...whole, discrepancies: [] });
      expect(few.discrepancies.length).toBeLessThan(whole.discrepancies.length);
    });
  });
}
