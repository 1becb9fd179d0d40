import { LEDGER_BUCKETS, TAIL_BITS } from '../ledger/buckets.ts';
import type { LedgerScope, Motion } from '../ledger-ports.ts';
import { createConditions, msParam } from './conditions.ts';
import {
  CLOCK_SKEW_MS,
  FACT_OF_ATTEMPT,
  FACT_OF_DISPOSITION,
  FACTS,
  hasFact,
  HOLD,
  statusOf,
} from './facts.ts';

/** `at`: the column by which the table is ordered within a subscription; nothing happens before the acceptance. */
function ofScope(scope: LedgerScope, at: string) {
  const { tenant_id, subscription_id, since, until } = scope;
  const conditions = createConditions();
  conditions.add('tenant_id = {tenant_id:String}', { tenant_id });
  conditions.add('subscription_id = {subscription_id:UUID}', { subscription_id });
  conditions.add(`accepted_at >= ${msParam('since')}`, { since });
  conditions.add(`accepted_at < ${msParam('until')}`, { until });
  if (at !== 'accepted_at') conditions.add(`${at} >= ${msParam('begin')}`, { begin: since - CLOCK_SKEW_MS });
  return conditions;
}

const ms = (column: string): string => `toUnixTimestamp64Milli(${column})`;
const IDS = 'delivery_id, subscription_id, event_id';

/** `happened`: when, ms. `due`: by when there is to be more, unless it is put off again or was the end. */
const rowsOf = (where: Record<'events' | 'attempts' | 'dispositions', string>): string => `
  SELECT ${IDS}, toUInt8(${FACTS.event}) AS fact, ${ms('accepted_at')} AS happened, happened AS due,
    toUInt32(0) AS number, toInt64(0) AS hold_step
  FROM events ${where.events}
  UNION ALL
  SELECT ${IDS}, toUInt8(${FACT_OF_ATTEMPT} + if(may_repeat, ${FACTS.may_repeat}, 0)),
    ${ms('started_at')} + toInt64(duration_ms) AS ended, ifNull(${ms('next_attempt_at')}, ended),
    bitShiftLeft(toUInt32(1), toUInt8(least(greatest(attempt_number, 1), 32) - 1)), toInt64(0)
  FROM attempts ${where.attempts}
  UNION ALL
  SELECT ${IDS}, ${FACT_OF_DISPOSITION}, ${ms('at')}, ${ms('at')} + if(what = 'deferred', {max_age:Int64}, 0),
    toUInt32(0), ${HOLD}
  FROM dispositions ${where.dispositions}`;

/** A partition of the log as its partitioner gives it; for deliveries in motion only, as it reads the id as text. */
const PARTITION = `kafkaMurmurHash(toString(subscription_id)) % {partitions:UInt16}`;

/** In motion as far as the history tells, and yet nothing of it can be. */
const LOST = `status IN ('queued', 'retrying') AND last_at < {as_of:Int64} AND multiIf(
  has({idle:Array(UInt16)}, ${PARTITION}), 1,
  has({flowing:Array(UInt16)}, ${PARTITION}), due_at + {patience:Int64} < {as_of:Int64},
  last_at + {longest:Int64} < {as_of:Int64})`;

/** One with an attempt that may repeat another had two lives after a crash: both may have ended, and attempts be cut off. */
const TWICE = `${hasFact('ever', 'filtered')}
    AND ${hasFact('ever', 'delivered', 'cancelled', 'expired', 'failed', 'attempted')}
  OR ${hasFact('ever', 'delivered')} AND ${hasFact('ever', 'failed')} AND NOT ${hasFact('ever', 'may_repeat')}`;
const GAP = `bitAnd(attempts, attempts + 1) != 0 AND NOT ${hasFact('ever', 'may_repeat')}`;

const HALF = 'toUInt64(bitShiftRight(reinterpretAsUInt128(delivery_id), 64))';

/**
 * Each delivery with its state at `as_of` and what is wrong with it. Rows written twice count once before a merge too.
 * @param ids condition on the ids, which leaves out rows before they are grouped
 */
export function ledgerRows(scope: LedgerScope, motion: Motion, ids = '') {
  const [events, attempts, dispositions] = ['accepted_at', 'started_at', 'at'].map((at) => {
    const conditions = ofScope(scope, at);
    if (ids !== '') conditions.add(ids, {});
    return conditions;
  }) as [ReturnType<typeof ofScope>, ReturnType<typeof ofScope>, ReturnType<typeof ofScope>];
  const where = {
    events: events.where(),
    attempts: attempts.where(),
    dispositions: dispositions.where(),
  };
  const query = `
    SELECT *, multiIf(NOT ${hasFact('ever', 'event')}, 'event_missing', ${TWICE}, 'ended_twice',
      ${GAP}, 'attempt_missing', ${LOST}, 'end_missing', '') AS found
    FROM (
      SELECT *, ${statusOf('facts', 'hold')} AS status FROM (
        SELECT delivery_id, any(subscription_id) AS subscription_id, any(event_id) AS event_id,
          groupBitOr(fact) AS ever, groupBitOr(if(happened < {as_of:Int64}, fact, 0)) AS facts,
          max(if(happened < {as_of:Int64}, hold_step, 0)) AS hold, groupBitOr(number) AS attempts,
          max(happened) AS last_at, argMax(due, happened) AS due_at
        FROM (${rowsOf(where)})
        GROUP BY delivery_id))`;
  const params = {
    ...attempts.params,
    as_of: scope.as_of,
    max_age: motion.max_age_ms,
    patience: motion.patience_ms,
    longest: motion.longest_ms,
    partitions: Math.max(1, motion.partitions),
    idle: motion.idle,
    flowing: motion.flowing,
  };
  return { query, params };
}

export const BUCKET = `toUInt16(bitAnd(bitShiftRight(${HALF}, ${TAIL_BITS}), ${LEDGER_BUCKETS - 1}))`;
export const TAIL = `bitAnd(${HALF}, ${2 ** TAIL_BITS - 1})`;

/** Of the deliveries in a set, as they stood. */
export const IN_SET = {
  dead_letters: hasFact('facts', 'failed', 'expired'),
  held: `status = 'held'`,
} as const;

/**
 * What does not fit into a gigabyte is grouped on disk. A question that takes longer than this is not worth more: its
 * caller has given up by then.
 */
export const BOUNDS = 'SETTINGS max_bytes_before_external_group_by = 1000000000, max_execution_time = 25';
