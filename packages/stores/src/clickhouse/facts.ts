import type { DeliveryStatus } from '@milena/domain';

/**
 * Bits for what is recorded of a delivery. They are or-ed together, so a repeated row changes nothing. `event`: its own
 * row; `may_repeat`: of an attempt.
 */
export const FACTS = {
  filtered: 1,
  delivered: 2,
  cancelled: 4,
  expired: 8,
  failed: 16,
  attempted: 32,
  event: 64,
  may_repeat: 128,
} as const;

export const FACT_OF_ATTEMPT = `toUInt8(${FACTS.attempted} +
  multiIf(outcome = 'success', ${FACTS.delivered}, outcome = 'failure', ${FACTS.failed}, 0))`;
export const FACT_OF_DISPOSITION = `toUInt8(multiIf(what = 'filtered', ${FACTS.filtered}, what = 'cancelled', ${FACTS.cancelled},
  what = 'expired', ${FACTS.expired}, what = 'dead_lettered', ${FACTS.failed}, 0))`;

/** Grows with time, and is odd for `held`: the latest of all tells whether a delivery is held now. */
export const HOLD = `if(what IN ('held', 'resumed'), toUnixTimestamp64Milli(at) * 2 + (what = 'held'), toInt64(0))`;

/** Most telling first: a delivery that succeeded stays delivered, whatever else happened to it. */
const PRECEDENCE: readonly (readonly [DeliveryStatus, number])[] = [
  ['filtered', FACTS.filtered],
  ['delivered', FACTS.delivered],
  ['cancelled', FACTS.cancelled],
  ['expired', FACTS.expired],
  ['failed', FACTS.failed],
];

/** Whether one of these bits is set in a column of facts. */
export const hasFact = (facts: string, ...names: readonly (keyof typeof FACTS)[]): string =>
  `bitAnd(${facts}, ${names.reduce((bits, name) => bits + FACTS[name], 0)}) != 0`;

/** The status that follows from a column of facts and one of holds. */
export function statusOf(facts: string, hold: string): string {
  const ends = PRECEDENCE.map(([status, bit]) => `bitAnd(${facts}, ${bit}) != 0, '${status}'`);
  return `multiIf(${ends.join(', ')},
  bitAnd(${hold}, 1) != 0, 'held', ${hasFact(facts, 'attempted')}, 'retrying', 'queued')`;
}

/** Clocks of two machines may differ by this much, so that an attempt seems to precede its event. */
export const CLOCK_SKEW_MS = 60_000;
