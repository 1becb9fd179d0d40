import type { ClaimResult, IdempotencyClaim } from '../../ports.ts';
import type { Postgres, Queryable } from '../client.ts';
import { codeOf } from '../errors.ts';
import { DAY_MS, MIDNIGHT_LOCK } from './days.ts';
import { insertNewKeys } from './insert-new.ts';
import { maintainPartitions } from './maintain.ts';
import { readStoredKeys, type StoredKey } from './read-stored.ts';
import { takeOverKeys } from './take-over.ts';
import { nameOf, timesAt } from './times.ts';

/**
 * A unique index holds within one day's partition only. This close to midnight, claims go one after the other, so that
 * two of them on different days see each other. Allows for clocks that differ by as much.
 */
const MIDNIGHT_MARGIN_MS = 60_000;
/** SQLSTATE check_violation: also "no partition of relation found for row". */
const NO_PARTITION = '23514';

/** New keys cost one round trip, keys in use two, those of dead holders three. */
export async function claimKeys<Answer>(
  pg: Postgres,
  claims: readonly IdempotencyClaim[],
  nowMs: number,
): Promise<ClaimResult<Answer>[]> {
  if (claims.length === 0) return [];
  try {
    return await claimOnce(pg, claims, nowMs);
  } catch (error) {
    // Maintenance has not run yet, or not for a week.
    if (codeOf(error) !== NO_PARTITION) throw error;
    await maintainPartitions(pg, nowMs);
    return claimOnce(pg, claims, nowMs);
  }
}

async function claimOnce<Answer>(
  pg: Postgres,
  claims: readonly IdempotencyClaim[],
  nowMs: number,
): Promise<ClaimResult<Answer>[]> {
  const sinceMidnight = nowMs % DAY_MS;
  if (Math.min(sinceMidnight, DAY_MS - sinceMidnight) > MIDNIGHT_MARGIN_MS)
    return claimWith(pg, claims, nowMs);
  return pg.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [MIDNIGHT_LOCK]);
    return claimWith(tx, claims, nowMs);
  });
}

async function claimWith<Answer>(
  pg: Queryable,
  claims: readonly IdempotencyClaim[],
  nowMs: number,
): Promise<ClaimResult<Answer>[]> {
  const times = timesAt(nowMs);
  const first = new Map<string, IdempotencyClaim>();
  for (const claim of claims) if (!first.has(nameOf(claim))) first.set(nameOf(claim), claim);

  const seeds = await insertNewKeys(pg, [...first.values()], times);
  const inUse = [...first.values()].filter((claim) => !seeds.has(nameOf(claim)));
  const stored = await readStoredKeys(pg, inUse, times);
  const takeable = inUse.filter((claim) => stored.get(nameOf(claim))?.takeable);
  for (const [name, seed] of await takeOverKeys(pg, takeable, times)) seeds.set(name, seed);

  const given = new Set<string>();
  return claims.map((claim) => {
    const name = nameOf(claim);
    const seed = seeds.get(name);
    if (seed === undefined) return resultOf<Answer>(stored.get(name), claim);
    // The same key twice in one call: the first has it.
    const holder = first.get(name);
    if (holder?.request_hash !== claim.request_hash) return { kind: 'conflict' };
    if (given.has(name)) return { kind: 'busy' };
    given.add(name);
    return { kind: 'mine', ...seed };
  });
}

/** For a key that is not ours. One that vanished, or that another took over just now, can be asked for again. */
function resultOf<Answer>(stored: StoredKey | undefined, claim: IdempotencyClaim): ClaimResult<Answer> {
  if (stored === undefined || stored.takeable) return { kind: 'busy' };
  if (stored.request_hash !== claim.request_hash) return { kind: 'conflict' };
  return stored.answered ? { kind: 'replayed', answer: stored.answer as Answer } : { kind: 'busy' };
}
