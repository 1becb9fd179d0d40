import { newId, OPERATOR_SUBSCRIPTION_ID } from '@milena/domain';
import type { Queryable } from '../client.ts';
import { timeOf, timeOrNull } from '../sql.ts';

interface Disabling {
  id: string;
  reason: string;
  only: { target_url: string; failing_since: number | null } | undefined;
  nowMs: number;
}

/**
 * False when it was already disabled (then the earlier reason stays) or is gone, and when what `only` asks for is not so.
 * Where there is an operator's subscription the notice for the operator is written in the same step.
 */
export async function disableSubscription(
  pg: Queryable,
  { id, reason, only, nowMs }: Disabling,
): Promise<boolean> {
  const { target_url: target, failing_since: since } = only ?? { target_url: null, failing_since: null };
  const { rows } = await pg.query<{ disabled: number }>(
    `WITH disabled AS (
       UPDATE subscriptions s SET enabled = false, disabled_reason = $2, version = version + 1, updated_at = $3
       WHERE s.id = $1 AND s.enabled AND ($6::text IS NULL OR s.target_url = $6)
         AND ($7::timestamptz IS NULL OR EXISTS (
           SELECT 1 FROM subscription_health f WHERE f.subscription_id = s.id AND f.failing_since <= $7))
       RETURNING s.id, s.tenant_id, s.target_url),
     noted AS (
       INSERT INTO operator_notices (id, subscription_id, tenant_id, target_url, reason, failing_since, disabled_at)
       SELECT $4, d.id, d.tenant_id, d.target_url, $2, h.failing_since, $3
       FROM disabled d LEFT JOIN subscription_health h ON h.subscription_id = d.id
       WHERE d.id <> $5 AND EXISTS (SELECT 1 FROM subscriptions o WHERE o.id = $5))
     SELECT count(*)::int AS disabled FROM disabled`,
    [id, reason, timeOf(nowMs), newId(nowMs), OPERATOR_SUBSCRIPTION_ID, target, timeOrNull(since)],
  );
  return (rows[0]?.disabled ?? 0) > 0;
}
