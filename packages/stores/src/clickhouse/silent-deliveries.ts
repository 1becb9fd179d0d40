import type { ClickHouse } from './client.ts';
import { msParam } from './conditions.ts';

/**
 * How many deliveries were accepted in that time (ms since the epoch) of which the history tells nothing else: no attempt,
 * nothing that became of them otherwise. By the minute of their acceptance (ms since the epoch), and only minutes with
 * some. Reads key columns from that time on, and remembers ids of that time only.
 * @throws StoreUnavailableError
 */
export async function countSilentDeliveries(
  clickhouse: ClickHouse,
  { since, until }: { since: number; until: number },
): Promise<Map<number, number>> {
  const accepted = `accepted_at >= ${msParam('since')} AND accepted_at < ${msParam('until')}`;
  // Nothing happens before the acceptance, so older partitions are left alone.
  const later = (at: string) => `${at} >= ${msParam('since')}`;
  const rows = await clickhouse.select<{ minute: number; silent: number | string }>(
    `SELECT toUnixTimestamp(toStartOfMinute(accepted_at)) AS minute, uniqExact(delivery_id) AS silent
     FROM events WHERE ${accepted}
       AND delivery_id NOT IN (SELECT delivery_id FROM attempts WHERE ${accepted} AND ${later('started_at')})
       AND delivery_id NOT IN (SELECT delivery_id FROM dispositions WHERE ${accepted} AND ${later('at')})
     GROUP BY minute`,
    { since, until },
  );
  return new Map(rows.map(({ minute, silent }) => [minute * 1000, Number(silent)]));
}
