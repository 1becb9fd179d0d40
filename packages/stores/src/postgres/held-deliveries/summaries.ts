import type { HeldSummary } from '../../held-ports.ts';
import type { Queryable } from '../client.ts';
import { msTime } from '../sql.ts';

/** From the index alone: it holds nothing but what is held. */
export async function heldSummaries(
  pg: Queryable,
  subscriptionIds: readonly string[],
): Promise<Map<string, HeldSummary>> {
  if (subscriptionIds.length === 0) return new Map();
  const { rows } = await pg.query<HeldSummary & { subscription_id: string }>(
    `SELECT subscription_id, count(*)::float8 AS count, ${msTime('min(accepted_at)')} AS oldest_at
     FROM held_deliveries WHERE released_at IS NULL AND subscription_id = ANY ($1::uuid[])
     GROUP BY subscription_id`,
    [subscriptionIds],
  );
  return new Map(rows.map(({ subscription_id, ...summary }) => [subscription_id, summary]));
}

export async function heldTotals(pg: Queryable): Promise<HeldSummary> {
  const { rows } = await pg.query<HeldSummary>(
    `SELECT count(*)::float8 AS count, ${msTime('min(accepted_at)')} AS oldest_at
     FROM held_deliveries WHERE released_at IS NULL`,
  );
  return rows[0] ?? { count: 0, oldest_at: null };
}
