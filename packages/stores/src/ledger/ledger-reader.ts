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
  const name = (one: Discrepancy): void => {
    ledger.found[one.kind] += 1;
    if (ledger.discrepancies.length < limit) ledger.discrepancies.push(one);
  };
  settleDeadLetters(ledger, await compare(parts, 'dead_letters', buckets), settled, name);
  settleHeld(ledger, await compare(parts, 'held', buckets), settled, name);
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

type Name = (one: Discrepancy) => void;

/** The relational store proves that it is where the history doesn't know it: it is not in motion, nor lost there. */
function moveTo(term: 'dead_lettered' | 'held', ledger: Ledger, row: LedgerRow, settled: Set<string>): void {
  settled.add(row.delivery_id);
  if (row.found !== null) ledger.found[row.found] -= 1;
  if (row.found === 'end_missing') ledger[term] += 1;
  else if (row.status === 'queued' || row.status === 'retrying') {
    ledger[row.status] -= 1;
    ledger[term] += 1;
  }
}

function settleDeadLetters(
  ledger: Ledger,
  { missing, extra, uncounted }: Difference,
  settled: Set<string>,
  name: Name,
): void {
  for (const row of missing) {
    if (row.status === 'failed') ledger.dead_lettered -= 1;
    name(discrepancyOf(row, 'dead_letter_missing'));
  }
  for (const { kept, row } of extra) {
    if (row === null) {
      ledger.dead_lettered += 1;
      name(unknownOf(kept, 'a dead letter'));
      continue;
    }
    moveTo('dead_lettered', ledger, row, settled);
    name(
      discrepancyOf(row, kindOfExtra(row, row.status === 'delivered' ? 'ended_twice' : 'attempt_missing')),
    );
  }
  ledger.dead_lettered += uncounted.extra - uncounted.missing;
  ledger.found.dead_letter_missing += uncounted.missing;
  ledger.found.attempt_missing += uncounted.extra;
}

function settleHeld(
  ledger: Ledger,
  { missing, extra, uncounted }: Difference,
  settled: Set<string>,
  name: Name,
): void {
  for (const row of missing) {
    ledger.held -= 1;
    name(discrepancyOf(row, 'held_missing'));
  }
  for (const { kept, row } of extra) {
    if (row === null) {
      ledger.held += 1;
      name(unknownOf(kept, 'held'));
      continue;
    }
    moveTo('held', ledger, row, settled);
    name(discrepancyOf(row, kindOfExtra(row, 'disposition_missing')));
  }
  ledger.held += uncounted.extra - uncounted.missing;
  ledger.found.held_missing += uncounted.missing;
  ledger.found.disposition_missing += uncounted.extra;
}

/** Without its event there is more missing than that. */
function kindOfExtra(row: LedgerRow, otherwise: LedgerKind): LedgerKind {
  return row.event ? otherwise : 'event_missing';
}
