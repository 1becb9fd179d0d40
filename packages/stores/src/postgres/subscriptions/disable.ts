import { newId, OPERATOR_SUBSCRIPTION_ID } from '@milena/domain';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/**
 * False when it was already disabled or is gone; then the earlier reason stays. Where there is an operator's subscription
 * the notice for the operator is written in the same step.
 */
export async function disableSubscription(
  pg: Queryable,
  id: string,
  reason: string,
  nowMs: number,
): Promise<boolean> {
  const { rows } = await pg.query<{ disabled: number }>(
    `WITH disabled AS (
       UPDATE subscriptions SET enabled = false, disabled_reason = $2, version = version + 1, updated_at = $3
       WHERE id = $1 AND enabled RETURNING id, tenant_id, target_url),
     noted AS (
       INSERT INTO operator_notices (id, subscription_id, tenant_id, target_url, reason, failing_since, disabled_at)
       SELECT $4, d.id, d.tenant_id, d.target_url, $2, h.failing_since, $3
       FROM disabled d LEFT JOIN subscription_health h ON h.subscription_id = d.id
       WHERE d.id <> $5 AND EXISTS (SELECT 1 FROM subscriptions o WHERE o.id = $5))
     SELECT count(*)::int AS disabled FROM disabled`,
    [id, reason, timeOf(nowMs), newId(nowMs), OPERATOR_SUBSCRIPTION_ID],
  );
  return (rows[0]?.disabled ?? 0) > 0;
}
