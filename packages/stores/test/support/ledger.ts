import { newId, type Attempt, type Disposition, type EventRow } from '@milena/domain';
import { createTestClock } from '@milena/runtime';
import { createLedgerHistory, type ClickHouseOptions } from '../../src/clickhouse/index.ts';
import type { HeldDelivery } from '../../src/held-ports.ts';
import { createLedgerReader, type LedgerBounds } from '../../src/ledger/ledger-reader.ts';
import type { Ledger, LedgerQuestion, Motion } from '../../src/ledger-ports.ts';
import type { DeadLetter } from '../../src/ports.ts';
import {
  createDeadLetterStore,
  createHeldStore,
  createLedgerKept,
  createReleaseStore,
  openPostgres,
} from '../../src/postgres/index.ts';
import { attempt, disposition, event, failed, openHistory, T0 } from '../clickhouse/support.ts';
import { createTestDatabase } from './database.ts';

/** Where the stores of a run are. Asked once the tests run. */
export type LedgerServers = () => {
  clickhouse: Omit<ClickHouseOptions, 'database'>;
  postgres: string | undefined;
};

const PARTITIONS = 12;
const every = Array.from({ length: PARTITIONS }, (_, n) => n);
const MINUTE = 60_000;
/** The moment that is asked for, unless a test says otherwise: three minutes after the acceptance. */
const AS_OF = T0 + 3 * MINUTE;

/** Nothing waits in the log. */
export const IDLE: Motion = {
  partitions: PARTITIONS,
  idle: every,
  flowing: [],
  patience_ms: MINUTE,
  max_age_ms: 2 * MINUTE,
  longest_ms: 4 * MINUTE,
};
/** Something waits in each partition, and what is new does not wait long. */
export const FLOWING: Motion = { ...IDLE, idle: [], flowing: every };
/** Workers are behind. */
export const BEHIND: Motion = { ...IDLE, idle: [] };

export type LedgerStores = Awaited<ReturnType<typeof openLedger>>;

/** Both stores with a database of their own, the reader over them, and the ways to fill them. */
export async function openLedger(servers: LedgerServers) {
  const { clickhouse: server, postgres } = servers();
  const history = await openHistory(server);
  const database = await createTestDatabase(postgres);
  const pg = openPostgres({ url: database.url });
  const clock = createTestClock(AS_OF - 1000);
  const held = createHeldStore({ pg, clock });
  const releases = createReleaseStore({ pg, clock });

  const readerWithin = (bounds?: LedgerBounds) =>
    createLedgerReader({
      history: createLedgerHistory({ clickhouse: history.clickhouse }),
      kept: createLedgerKept({ pg }),
      ...(bounds && { bounds }),
    });
  return {
    pg,
    ask: (subscription_id: string, over: Partial<LedgerQuestion> = {}, bounds?: LedgerBounds) =>
      readerWithin(bounds).read({
        subscription_id,
        since: T0 - MINUTE,
        until: over.as_of ?? AS_OF,
        as_of: AS_OF,
        motion: IDLE,
        limit: 100,
        ...over,
      }),
    /** Stores what `write` put down, with one insert for each table. */
    stored: async <T>(write: (notes: Notebook) => T): Promise<T> => {
      const notes = createNotebook();
      const written = write(notes);
      const { events, attempts, dispositions, letters, holds } = notes.rows;
      if (events.length > 0) await history.writer.insertEvents(events);
      if (attempts.length > 0) await history.writer.insertAttempts(attempts);
      if (dispositions.length > 0) await history.writer.insertDispositions(dispositions);
      await createDeadLetterStore({ pg }).insert(letters);
      await held.insert(holds);
      return written;
    },
    /** A second before the moment that is asked for. */
    release: (subscription_id: string) =>
      releases.take({ subscription_id, limit: 100, max_bytes: 1e9, rate_per_s: null }, () =>
        Promise.resolve(),
      ),
    /** Removes rows of these deliveries. */
    remove: async (table: LedgerTable, ids: readonly string[], and = '') => {
      const list = `(${ids.map((id) => `'${id}'`).join(', ')})${and}`;
      if (table === 'dead_letters' || table === 'held_deliveries')
        await pg.query(`DELETE FROM ${table} WHERE delivery_id IN ${list}`);
      else
        await history.clickhouse.command(
          `ALTER TABLE ${table} DELETE WHERE delivery_id IN ${list} SETTINGS mutations_sync = 2`,
        );
    },
    close: async () => {
      await history.close();
      await pg.close();
      await database.drop();
    },
  };
}
export type LedgerTable = 'events' | 'attempts' | 'dispositions' | 'dead_letters' | 'held_deliveries';

type Notebook = ReturnType<typeof createNotebook>;

/** What may become of deliveries, by what is stored of each. */
function createNotebook() {
  const events: EventRow[] = [];
  const attempts: Attempt[] = [];
  const dispositions: Disposition[] = [];
  const letters: DeadLetter[] = [];
  const holds: HeldDelivery[] = [];
  return {
    rows: { events, attempts, dispositions, letters, holds },
    accepted: (...rows: EventRow[]) => events.push(...rows),
    attempted: (...rows: Attempt[]) => attempts.push(...rows),
    /** On the second attempt, twenty seconds after the acceptance. */
    delivered: (row: EventRow) =>
      attempts.push(
        failed(row, 1),
        attempt(row, { attempt_number: 2, started_at: row.accepted_at + 20_000 }),
      ),
    failed: (row: EventRow) =>
      attempts.push(failed(row, 1), failed(row, 2, { outcome: 'failure', next_attempt_at: null })),
    told: (row: EventRow, what: Disposition['what'], at = row.accepted_at + 30_000) =>
      dispositions.push(disposition(row, what, { at })),
    letter: (row: EventRow, dead_lettered_at = row.accepted_at + 30_000) =>
      letters.push({ ...row, status: 'open', reason: 'gave up', attempts: 2, dead_lettered_at }),
    held: (row: EventRow, held_at = row.accepted_at + 30_000, resumed_at: number | null = null) => {
      const rest = { attempt: 1, due_at: null, deferrals: 0, may_repeat: false, target_url: null };
      holds.push({ delivery: { ...row, ...rest, resumed_at }, held_at });
    },
  };
}

/** A delivery for each name, all of one subscription. */
export const deliveriesOf = <N extends string>(subscription_id: string, ...names: N[]) =>
  Object.fromEntries(names.map((name) => [name, event({ subscription_id })])) as Record<N, EventRow>;

const FATES = ['delivered', 'filtered', 'dead_lettered', 'expired', 'cancelled', 'held'] as const;

/** One delivery of every fate, a repeat of the one that was delivered, and if wanted two that are in motion. */
export function writeWorld(notes: Notebook, { moving }: { moving: boolean }) {
  const subscription_id = newId(T0);
  const rows = deliveriesOf(subscription_id, ...FATES);
  const { event_id, delivery_id: replay_of } = rows.delivered;
  const replay = event({ subscription_id, event_id, replay_of });
  notes.accepted(...Object.values(rows), replay);
  notes.delivered(rows.delivered);
  notes.delivered(replay);
  notes.told(rows.filtered, 'filtered');
  notes.failed(rows.dead_lettered);
  notes.letter(rows.dead_lettered);
  notes.told(rows.expired, 'deferred');
  notes.told(rows.expired, 'expired', T0 + 100_000);
  notes.letter(rows.expired, T0 + 100_000);
  notes.attempted(failed(rows.cancelled, 1));
  notes.told(rows.cancelled, 'cancelled');
  notes.told(rows.held, 'held');
  notes.held(rows.held);
  if (moving) {
    const { queued, retrying } = deliveriesOf(subscription_id, 'queued', 'retrying');
    notes.accepted(queued, retrying);
    notes.attempted(failed(retrying, 1));
  }
  return { subscription_id, rows, replay };
}
export type World = ReturnType<typeof writeWorld>;

/** The terms of a world with what is in motion, and without. */
export const WORLD = {
  accepted: 9,
  delivered: 2,
  filtered: 1,
  dead_lettered: 1,
  expired: 1,
  cancelled: 1,
  queued: 1,
  retrying: 1,
  held: 1,
};
export const ENDED_WORLD = { ...WORLD, accepted: 7, queued: 0, retrying: 0 };

/** Delivery ids with what is wrong. */
export const named = ({ discrepancies }: Ledger) =>
  discrepancies.map(({ delivery_id, kind }) => [delivery_id, kind]).sort();

/** The kinds that were found, with their counts. */
export const foundIn = ({ found }: Ledger) =>
  Object.fromEntries(Object.entries(found).filter(([, count]) => count !== 0));

/** The right side of the equation. */
export const accountedIn = (ledger: Ledger) => {
  const { delivered, filtered, dead_lettered, expired, cancelled, queued, retrying, held } = ledger;
  return delivered + filtered + dead_lettered + expired + cancelled + queued + retrying + held;
};
