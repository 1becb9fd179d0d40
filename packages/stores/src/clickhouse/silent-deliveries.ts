import type { ClickHouse } from './client.ts';
import { msParam } from './conditions.ts';

/**
 * How many deliveries were accepted in that time (ms since the epoch) of which the history tells nothing else: no attempt,
 * nothing that became of them otherwise. Reads key columns of that time only.
 * @throws StoreUnavailableError
 */
export async function countSilentDeliveries(
  clickhouse: ClickHouse,
  { since, until }: { since: number; until: number },
): Promise<number> {
  const accepted = `accepted_at >= ${msParam('since')} AND accepted_at < ${msParam('until')}`;
  // Nothing happens before the acceptance, so older partitions are left alone.
  const later = (at: string) => `${at} >= ${msParam('since')}`;
  const [row] = await clickhouse.select<{ silent: number | string }>(
    `SELECT uniqExact(delivery_id) AS silent FROM events WHERE ${accepted}
       AND delivery_id NOT IN (SELECT delivery_id FROM attempts WHERE ${accepted} AND ${later('started_at')})
       AND delivery_id NOT IN (SELECT delivery_id FROM dispositions WHERE ${accepted} AND ${later('at')})`,
    { since, until },
  );
  return Number(row?.silent ?? 0);
}
