import { LEDGER_BUCKETS, TAIL_BITS } from '../../ledger/buckets.ts';
import type { LedgerScope, LedgerSet } from '../../ledger-ports.ts';
import { timeOf } from '../sql.ts';

/** The bucket and the tail of an id, as the event store has them (`clickhouse/ledger-query.ts`). */
export const BUCKET = `(get_byte(uuid_send(delivery_id), 8) << 8 | get_byte(uuid_send(delivery_id), 9)) & ${LEDGER_BUCKETS - 1}`;
export const TAIL = `('x' || right(delivery_id::text, ${TAIL_BITS / 4}))::bit(${TAIL_BITS})::bigint`;

/** The least UUIDv7 of a millisecond. */
const idAt = (ms: number): string => {
  const time = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
};

/** Clocks of two machines may differ by this much, so that a dead letter seems to precede its event. */
const CLOCK_SKEW_MS = 60_000;

const TABLES = { dead_letters: 'dead_letters', held: 'held_deliveries' } as const;

/**
 * What belongs to a scope. The time of acceptance is taken from the id: so an index that ends in (dead_lettered_at,
 * delivery_id) answers alone, and no payload is read. Of what is held there are few rows but those that wait.
 */
export function ofScope(scope: LedgerScope, set: LedgerSet) {
  const values: unknown[] = [idAt(scope.since), idAt(scope.until), timeOf(scope.as_of)];
  const conditions = ['delivery_id >= $1', 'delivery_id < $2'];
  const add = (condition: (value: string) => string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  add((value) => `tenant_id = ${value}`, scope.tenant_id);
  add((value) => `subscription_id = ${value}`, scope.subscription_id);
  if (set === 'dead_letters') {
    conditions.push('dead_lettered_at < $3');
    add((value) => `dead_lettered_at >= ${value}`, timeOf(Math.max(0, scope.since - CLOCK_SKEW_MS)));
  } else {
    conditions.push('held_at < $3', '(released_at IS NULL OR released_at >= $3)');
  }
  return { table: TABLES[set], conditions, values, add };
}
