import type { DueRelease } from '../../held-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/**
 * Steps from one subscription to the next in the index, so the cost is that of the subscriptions that hold something, not
 * that of what they hold.
 */
export async function dueReleases(pg: Queryable, nowMs: number): Promise<DueRelease[]> {
  const { rows } = await pg.query<DueRelease>(
    `WITH RECURSIVE holding AS (
       (SELECT subscription_id FROM held_deliveries WHERE released_at IS NULL ORDER BY subscription_id LIMIT 1)
       UNION ALL
       SELECT (SELECT n.subscription_id FROM held_deliveries n
               WHERE n.released_at IS NULL AND n.subscription_id > p.subscription_id
               ORDER BY n.subscription_id LIMIT 1)
       FROM holding p WHERE p.subscription_id IS NOT NULL)
     SELECT c.subscription_id, CASE WHEN s.enabled THEN 'release' ELSE 'cancel' END AS what, r.rate_per_s,
       s.rate_limit_per_s
     FROM holding c LEFT JOIN subscriptions s ON s.id = c.subscription_id
       LEFT JOIN releases r ON r.subscription_id = c.subscription_id
     WHERE c.subscription_id IS NOT NULL AND NOT (coalesce(s.enabled, false) AND s.paused)
       AND (r.next_at IS NULL OR r.next_at <= $1 OR NOT coalesce(s.enabled, false))
     ORDER BY r.next_at NULLS FIRST LIMIT 100`,
    [timeOf(nowMs)],
  );
  return rows;
}
