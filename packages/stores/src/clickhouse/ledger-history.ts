import type { DeliveryStatus } from '@milena/domain';
import type {
  HistoryKind,
  LedgerBucket,
  LedgerChoice,
  LedgerHistory,
  LedgerRow,
  LedgerScope,
  Motion,
} from '../ledger-ports.ts';
import type { ClickHouse } from './client.ts';
import { createConditions, isUuid, msParam } from './conditions.ts';
import { hasFact } from './facts.ts';
import { BOUNDS, BUCKET, IN_SET, ledgerRows, TAIL } from './ledger-query.ts';

type Num = number | string;

export function createLedgerHistory({ clickhouse }: { clickhouse: ClickHouse }): LedgerHistory {
  return {
    size: (scope) => size(clickhouse, scope),
    count: (scope, motion) => count(clickhouse, scope, motion),
    list: (scope, motion, choice) => list(clickhouse, scope, motion, choice),
  };
}

async function size(clickhouse: ClickHouse, scope: LedgerScope): Promise<number> {
  const { tenant_id, subscription_id, since, until } = scope;
  const { add, where, params } = createConditions();
  add('tenant_id = {tenant_id:String}', { tenant_id });
  add('subscription_id = {subscription_id:UUID}', { subscription_id });
  add(`accepted_at >= ${msParam('since')}`, { since });
  add(`accepted_at < ${msParam('until')}`, { until });
  const [row] = await clickhouse.select<{ events: Num }>(
    `SELECT count() AS events FROM events ${where()}`,
    params,
  );
  return Number(row?.events ?? 0);
}

const STATUSES = ['delivered', 'filtered', 'expired', 'cancelled', 'failed', 'queued', 'retrying'] as const;
const FOUND: readonly HistoryKind[] = ['event_missing', 'attempt_missing', 'end_missing', 'ended_twice'];

type Counted = Record<'bucket' | 'accepted' | `${keyof typeof IN_SET}_${'count' | 'xor'}`, Num> &
  Record<(typeof STATUSES)[number] | HistoryKind, Num>;

/** One pass over the deliveries; what has been lost is not in motion. */
async function count(clickhouse: ClickHouse, scope: LedgerScope, motion: Motion): Promise<LedgerBucket[]> {
  const { query, params } = ledgerRows(scope, motion);
  const columns = [
    `countIf(${hasFact('ever', 'event')}) AS accepted`,
    ...STATUSES.map((status) => `countIf(status = '${status}' AND found != 'end_missing') AS ${status}`),
    ...FOUND.map((kind) => `countIf(found = '${kind}') AS ${kind}`),
    ...Object.entries(IN_SET).flatMap(([set, isIn]) => [
      `countIf(${isIn}) AS ${set}_count`,
      `groupBitXorIf(${TAIL}, ${isIn}) AS ${set}_xor`,
    ]),
  ];
  const rows = await clickhouse.select<Counted>(
    `SELECT ${BUCKET} AS bucket, ${columns.join(', ')} FROM (${query}) GROUP BY bucket ${BOUNDS}`,
    params,
  );
  return rows.map(toBucket);
}

function toBucket(row: Counted): LedgerBucket {
  const numbers = <K extends keyof Counted>(names: readonly K[]): Record<K, number> =>
    Object.fromEntries(names.map((name) => [name, Number(row[name])])) as Record<K, number>;
  return {
    bucket: Number(row.bucket),
    counts: numbers(['accepted', ...STATUSES]),
    found: numbers(FOUND),
    sets: {
      dead_letters: { count: Number(row.dead_letters_count), xor: Number(row.dead_letters_xor) },
      held: { count: Number(row.held_count), xor: Number(row.held_xor) },
    },
  };
}

interface StoredRow extends Record<'event' | 'given_up' | 'ended' | 'fresh' | 'attempts' | 'last_at', Num> {
  delivery_id: string;
  event_id: string;
  subscription_id: string;
  status: DeliveryStatus;
  found: HistoryKind | '';
}

const COLUMNS = `delivery_id, event_id, subscription_id, status, found, attempts, last_at,
  ${hasFact('ever', 'event')} AS event, ${hasFact('ever', 'failed', 'expired')} AS given_up,
  ${hasFact('ever', 'filtered', 'delivered', 'cancelled', 'failed', 'expired')} AS ended,
  last_at >= {as_of:Int64} AS fresh`;

async function list(
  clickhouse: ClickHouse,
  scope: LedgerScope,
  motion: Motion,
  choice: LedgerChoice,
): Promise<LedgerRow[]> {
  const { ids, where, params, rest } = chosen(choice);
  const rows = ledgerRows(scope, motion, ids);
  const found = await clickhouse.select<StoredRow>(
    `SELECT ${COLUMNS} FROM (${rows.query}) WHERE ${where} ${rest} ${BOUNDS}`,
    { ...rows.params, ...params },
  );
  return found.map((row) => ({
    ...row,
    found: row.found === '' ? null : row.found,
    event: Number(row.event) === 1,
    given_up: Number(row.given_up) === 1,
    ended: Number(row.ended) === 1,
    fresh: Number(row.fresh) === 1,
    attempts: Number(row.attempts),
    last_at: Number(row.last_at),
  }));
}

/** `ids` leaves rows out before they are grouped, `where` afterwards. */
function chosen(choice: LedgerChoice): {
  ids: string;
  where: string;
  params: Record<string, unknown>;
  rest: string;
} {
  if ('set' in choice) {
    const ids = `${BUCKET} IN {buckets:Array(UInt16)}`;
    return { ids, where: IN_SET[choice.set], params: { buckets: choice.buckets }, rest: '' };
  }
  if ('ids' in choice) {
    const ids = 'delivery_id IN {ids:Array(UUID)}';
    return { ids, where: '1', params: { ids: choice.ids.filter(isUuid) }, rest: '' };
  }
  const { except, limit } = choice;
  return {
    ids: '',
    where: `found != '' AND NOT has({except:Array(UUID)}, delivery_id)`,
    params: { except, limit },
    rest: 'ORDER BY last_at DESC, delivery_id LIMIT {limit:UInt32}',
  };
}
