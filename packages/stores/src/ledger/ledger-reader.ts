import {
  LEDGER_KINDS,
  type Discrepancy,
  type HistoryKind,
  type Ledger,
  type LedgerBucket,
  type LedgerHistory,
  type LedgerKept,
  type LedgerKind,
  type LedgerQuestion,
  type LedgerReader,
  type LedgerRow,
  type LedgerSet,
} from '../ledger-ports.ts';
import { compare, type Difference } from './compare.ts';
import { discrepancyOf, unknownOf } from './discrepancy.ts';

export interface LedgerBounds {
  /** Deliveries that one statement groups. */
  step: number;
  /** Ids that are read of one set in one step, of each store. What lies beyond counts, but is not named. */
  ids: number;
}

/** A step takes some 100 bytes for each delivery, half a gigabyte, of the event store's memory; the ids 20 MB of ours. */
const BOUNDS: LedgerBounds = { step: 5_000_000, ids: 50_000 };
/** Terms that the history proves alone. */
const FROM_HISTORY = ['delivered', 'filtered', 'expired', 'cancelled', 'queued', 'retrying'] as const;
const TERMS = ['accepted', ...FROM_HISTORY, 'dead_lettered', 'held'] as const;

/**
 * Counts deliveries over both stores. Neither tells the other its ids: each counts its own and adds up its ids by
 * bucket, and where the sums differ the ids of that bucket are read. A range with many deliveries is done in steps of
 * time. So the time follows the number of deliveries, and the memory here does not.
 */
export function createLedgerReader(deps: {
  history: LedgerHistory;
  kept: LedgerKept;
  bounds?: LedgerBounds;
}): LedgerReader {
  const { history, kept, bounds = BOUNDS } = deps;
  return {
    read: async (question) => {
      const { since, until } = question;
      const steps = Math.max(1, Math.ceil((await history.size(question)) / bounds.step));
      const sum = emptyLedger();
      for (let step = 0; step < steps; step += 1) {
        const at = (n: number): number => since + Math.round(((until - since) * n) / steps);
        const limit = question.limit - sum.discrepancies.length;
        const part = { ...question, limit, since: at(step), until: at(step + 1) };
        addTo(sum, await readStep({ history, kept, bounds }, part));
      }
      return sum;
    },
  };
}

function emptyLedger(): Ledger {
  const zeros = <K extends string>(names: readonly K[]): Record<K, number> =>
    Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;
  return { ...zeros(TERMS), found: zeros(LEDGER_KINDS), discrepancies: [] };
}

function addTo(sum: Ledger, part: Ledger): void {
  for (const term of TERMS) sum[term] += part[term];
  for (const kind of LEDGER_KINDS) sum.found[kind] += part.found[kind];
  sum.discrepancies.push(...part.discrepancies);
}

async function readStep(
  deps: { history: LedgerHistory; kept: LedgerKept; bounds: LedgerBounds },
  question: LedgerQuestion,
): Promise<Ledger> {
  const { motion, limit } = question;
  const buckets = await deps.history.count(question, motion);
  const ledger = fromHistory(buckets);
  const parts = { ...deps, scope: question, motion, budget: deps.bounds.ids };
  const settled = new Set<string>();
  for (const keeping of [DEAD_LETTERS, HELD]) {
    const difference = await compare(parts, keeping.set, buckets);
    for (const { row } of difference.extra) if (row !== null) settled.add(row.delivery_id);
    for (const one of settle(ledger, difference, keeping)) {
      ledger.found[one.kind] += 1;
      if (ledger.discrepancies.length < limit) ledger.discrepancies.push(one);
    }
  }
  const room = limit - ledger.discrepancies.length;
  const others = buckets.reduce((sum, { found }) => sum + Object.values(found).reduce((a, b) => a + b, 0), 0);
  if (room > 0 && others > 0) {
    // Those settled above were found by the history, too, but are named already.
    const choice = { found: true, except: [...settled].slice(0, 10_000), limit: room } as const;
    const rows = await deps.history.list(question, motion, choice);
    for (const row of rows) {
      if (row.found !== null && !settled.has(row.delivery_id))
        ledger.discrepancies.push(discrepancyOf(row, row.found));
    }
  }
  return ledger;
}

/** As if both stores agreed. */
function fromHistory(buckets: readonly LedgerBucket[]): Ledger {
  const ledger = emptyLedger();
  for (const { counts, sets, found } of buckets) {
    for (const term of ['accepted', ...FROM_HISTORY] as const) ledger[term] += counts[term];
    ledger.dead_lettered += counts.failed;
    ledger.held += sets.held.count;
    for (const [kind, count] of Object.entries(found)) ledger.found[kind as HistoryKind] += count;
  }
  return ledger;
}

/** What the relational store keeps, and what it is when only one of the stores has a delivery. */
interface Keeping {
  set: LedgerSet;
  term: 'dead_lettered' | 'held';
  called: string;
  missing: 'dead_letter_missing' | 'held_missing';
  extra: 'attempt_missing' | 'disposition_missing';
  /** Whether the history counted a delivery that is missing. */
  counted: (row: LedgerRow) => boolean;
}

const DEAD_LETTERS: Keeping = {
  set: 'dead_letters',
  term: 'dead_lettered',
  called: 'a dead letter',
  missing: 'dead_letter_missing',
  extra: 'attempt_missing',
  counted: ({ status }) => status === 'failed',
};
const HELD: Keeping = {
  set: 'held',
  term: 'held',
  called: 'held',
  missing: 'held_missing',
  extra: 'disposition_missing',
  counted: () => true,
};

/** The relational store proves that it is where the history doesn't know it: it is not in motion, nor lost there. */
function moveTo(term: Keeping['term'], ledger: Ledger, row: LedgerRow): void {
  if (row.found !== null) ledger.found[row.found] -= 1;
  if (row.found === 'end_missing') ledger[term] += 1;
  else if (row.status === 'queued' || row.status === 'retrying') {
    ledger[row.status] -= 1;
    ledger[term] += 1;
  }
}

/** Corrects the ledger by what the stores do not agree on, and resolves to it by name. */
function settle(ledger: Ledger, { missing, extra, uncounted }: Difference, keeping: Keeping): Discrepancy[] {
  const { term, called } = keeping;
  ledger[term] += uncounted.extra - uncounted.missing;
  ledger.found[keeping.missing] += uncounted.missing;
  ledger.found[keeping.extra] += uncounted.extra;
  ledger[term] -= missing.filter(keeping.counted).length;
  const named = extra.map(({ kept, row }) => {
    if (row === null) {
      ledger[term] += 1;
      return unknownOf(kept, called);
    }
    moveTo(term, ledger, row);
    return discrepancyOf(row, kindOfExtra(row, keeping));
  });
  return [...missing.map((row) => discrepancyOf(row, keeping.missing)), ...named];
}

function kindOfExtra({ event, status }: LedgerRow, { term, extra }: Keeping): LedgerKind {
  // Without its event there is more missing than that.
  if (!event) return 'event_missing';
  return term === 'dead_lettered' && status === 'delivered' ? 'ended_twice' : extra;
}
