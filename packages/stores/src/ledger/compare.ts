import type {
  KeptRow,
  LedgerBucket,
  LedgerHistory,
  LedgerKept,
  LedgerRow,
  LedgerScope,
  LedgerSet,
  Motion,
  Tally,
} from '../ledger-ports.ts';

/** Ids that one statement asks for. */
const CHUNK = 5000;

/** How a set differs between the stores. */
export interface Difference {
  /** The history has them, the relational store doesn't. */
  missing: LedgerRow[];
  /** The relational store has them, the history doesn't; with what it does know of each. */
  extra: { kept: KeptRow; row: LedgerRow | null }[];
  /** Differences that were counted only. */
  uncounted: { missing: number; extra: number };
}

interface Parts {
  history: LedgerHistory;
  kept: LedgerKept;
  scope: LedgerScope;
  motion: Motion;
  /** Ids to read of each store at most, but for one bucket. */
  budget: number;
}

const NOTHING: Tally = { count: 0, xor: 0 };

/**
 * Holds a set of the history against the same of the relational store. Each is asked for tallies; only where these
 * differ are ids read. Those in between, as something happened about the moment that the ledger is told for, are left out.
 */
export async function compare(
  parts: Parts,
  set: LedgerSet,
  buckets: readonly LedgerBucket[],
): Promise<Difference> {
  const { history, kept, scope, motion, budget } = parts;
  const told = new Map(buckets.map(({ bucket, sets }) => [bucket, sets[set]]));
  const { suspects, uncounted } = choose(told, await kept.count(scope, set), budget);
  if (suspects.length === 0) return { missing: [], extra: [], uncounted };
  const [rows, keptRows] = await Promise.all([
    history.list(scope, motion, { set, buckets: suspects }),
    kept.list(scope, set, suspects),
  ]);
  const inHistory = new Set(rows.map(({ delivery_id }) => delivery_id));
  const inKept = new Set(keptRows.map(({ delivery_id }) => delivery_id));
  return {
    missing: await trulyMissing(
      parts,
      set,
      rows.filter((row) => !inKept.has(row.delivery_id)),
    ),
    extra: await trulyExtra(
      parts,
      set,
      keptRows.filter((row) => !inHistory.has(row.delivery_id)),
    ),
    uncounted,
  };
}

/** The buckets to look into, as many as the budget allows; of the others the difference in number is what is known. */
function choose(told: ReadonlyMap<number, Tally>, kept: ReadonlyMap<number, Tally>, budget: number) {
  const suspects: number[] = [];
  const uncounted = { missing: 0, extra: 0 };
  let ids = 0;
  for (const bucket of new Set([...told.keys(), ...kept.keys()])) {
    const ours = told.get(bucket) ?? NOTHING;
    const theirs = kept.get(bucket) ?? NOTHING;
    if (ours.count === theirs.count && ours.xor === theirs.xor) continue;
    ids += Math.max(ours.count, theirs.count);
    if (suspects.length === 0 || ids <= budget) suspects.push(bucket);
    else {
      uncounted.missing += Math.max(0, ours.count - theirs.count);
      uncounted.extra += Math.max(0, theirs.count - ours.count);
    }
  }
  return { suspects, uncounted };
}

async function trulyMissing(
  { kept, scope }: Parts,
  set: LedgerSet,
  rows: readonly LedgerRow[],
): Promise<LedgerRow[]> {
  const old = rows.filter(({ fresh }) => !fresh);
  const ids = old.map(({ delivery_id }) => delivery_id);
  const known = await inChunks(ids, async (chunk) => [...(await kept.known(scope, set, chunk))]);
  const there = new Set(known);
  return old.filter(({ delivery_id }) => !there.has(delivery_id));
}

async function trulyExtra(
  { history, scope, motion }: Parts,
  set: LedgerSet,
  rows: readonly KeptRow[],
): Promise<Difference['extra']> {
  const ids = rows.map(({ delivery_id }) => delivery_id);
  const known = await inChunks(ids, (chunk) => history.list(scope, motion, { ids: chunk }));
  const byId = new Map(known.map((row) => [row.delivery_id, row]));
  const explained = (row: LedgerRow): boolean =>
    // What is held after its end is dropped when it is released.
    row.fresh || (set === 'dead_letters' ? row.given_up : row.ended);
  return rows
    .map((one) => ({ kept: one, row: byId.get(one.delivery_id) ?? null }))
    .filter(({ row }) => row === null || !explained(row));
}

async function inChunks<T>(
  ids: readonly string[],
  work: (chunk: readonly string[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const all: T[] = [];
  for (let from = 0; from < ids.length; from += CHUNK)
    all.push(...(await work(ids.slice(from, from + CHUNK))));
  return all;
}
