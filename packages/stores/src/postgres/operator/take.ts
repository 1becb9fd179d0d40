import { OPERATOR_SUBSCRIPTION_ID, type SubscriptionNotice } from '@milena/domain';
import type { NoticeTake } from '../../operator-ports.ts';
import type { Postgres, Queryable } from '../client.ts';
import { msTime, timeOf } from '../sql.ts';

/**
 * One transaction around `work`: the rows stay locked as long as it lasts and are free at once when this process dies.
 * Meanwhile a worker that writes the health of one of these subscriptions waits; no delivery does.
 */
export async function takeNotices(
  { pg, nowMs }: { pg: Postgres; nowMs: number },
  take: NoticeTake,
  work: (notices: readonly SubscriptionNotice[]) => Promise<void>,
): Promise<number> {
  return pg.transaction(async (tx) => {
    const disabled = await takeDisabled(tx, take);
    const failing = await takeFailing(tx, take, nowMs);
    const recovered = await takeRecovered(tx, take, nowMs);
    const notices = [...disabled, ...failing, ...recovered];
    if (notices.length > 0) await work(notices);
    return notices.length;
  });
}

async function takeDisabled(tx: Queryable, { limit }: NoticeTake): Promise<SubscriptionNotice[]> {
  const { rows } = await tx.query<SubscriptionNotice>(
    `DELETE FROM operator_notices WHERE id IN (
       SELECT id FROM operator_notices ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING 'subscription.disabled' AS type, id, subscription_id, tenant_id, target_url, reason,
       ${msTime('failing_since')} AS failing_since, ${msTime('disabled_at')} AS disabled_at`,
    [limit],
  );
  return rows;
}

/** The operator's own subscription is never told about: its endpoint is the one that would be told. */
async function takeFailing(tx: Queryable, take: NoticeTake, nowMs: number): Promise<SubscriptionNotice[]> {
  const { rows } = await tx.query<SubscriptionNotice>(
    `UPDATE subscription_health t SET told_since = t.failing_since
     FROM subscriptions s WHERE s.id = t.subscription_id AND t.subscription_id IN (
       SELECT h.subscription_id FROM subscription_health h JOIN subscriptions e ON e.id = h.subscription_id
       WHERE h.told_since IS NULL AND h.health <> 'healthy' AND h.failing_since IS NOT NULL
         AND (h.health = 'open' OR h.failing_since <= $1) AND e.enabled AND e.id <> $2
       ORDER BY h.failing_since LIMIT $3 FOR UPDATE OF h SKIP LOCKED)
     RETURNING 'subscription.failing' AS type, s.id AS subscription_id, s.tenant_id, s.target_url, t.health,
       ${msTime('t.failing_since')} AS failing_since`,
    [timeOf(nowMs - take.failing_for_ms), OPERATOR_SUBSCRIPTION_ID, take.limit],
  );
  return rows;
}

async function takeRecovered(tx: Queryable, take: NoticeTake, nowMs: number): Promise<SubscriptionNotice[]> {
  const { rows } = await tx.query<SubscriptionNotice>(
    `UPDATE subscription_health t SET told_since = NULL
     FROM (
       SELECT h.subscription_id, h.told_since, h.changed_at, e.tenant_id, e.target_url
       FROM subscription_health h JOIN subscriptions e ON e.id = h.subscription_id
       WHERE h.told_since IS NOT NULL AND h.health = 'healthy' AND h.changed_at <= $1 AND e.enabled
       ORDER BY h.changed_at LIMIT $2 FOR UPDATE OF h SKIP LOCKED) w
     WHERE t.subscription_id = w.subscription_id
     RETURNING 'subscription.recovered' AS type, w.subscription_id, w.tenant_id, w.target_url,
       ${msTime('w.told_since')} AS failing_since, ${msTime('w.changed_at')} AS recovered_at`,
    [timeOf(nowMs - take.healthy_for_ms), take.limit],
  );
  return rows;
}
