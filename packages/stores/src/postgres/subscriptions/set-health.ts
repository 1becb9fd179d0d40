import type { Health } from '@milena/domain';
import type { HealthSeen } from '../../health-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf, timeOrNull } from '../sql.ts';

interface HealthChange {
  id: string;
  health: Exclude<Health, 'disabled'>;
  failingSinceMs: number | null;
  seen: HealthSeen | null;
  nowMs: number;
}

/**
 * Does nothing when the subscription is gone or has another target. Of a healthy one `changed_at` is when it recovered, of
 * a failing one when a worker last said so.
 */
export async function setHealth(
  pg: Queryable,
  { id, health, failingSinceMs, seen, nowMs }: HealthChange,
): Promise<void> {
  // greatest() ignores nulls.
  await pg.query(
    `INSERT INTO subscription_health AS h (subscription_id, tenant_id, health, failing_since, changed_at)
     SELECT id, tenant_id, $2, $3, $4 FROM subscriptions
     WHERE id = $1 AND ($5::text IS NULL OR target_url = $5) FOR KEY SHARE
     ON CONFLICT (subscription_id) DO UPDATE
       SET health = excluded.health, changed_at = excluded.changed_at, failing_since = CASE
         WHEN excluded.failing_since IS NULL OR $6::timestamptz IS NULL THEN excluded.failing_since
         WHEN h.failing_since IS NULL AND h.changed_at > excluded.failing_since THEN $6
         WHEN h.failing_since IS NOT NULL AND h.changed_at < $7::timestamptz THEN $6
         ELSE greatest(h.failing_since, excluded.failing_since) END`,
    [
      id,
      health,
      timeOrNull(failingSinceMs),
      timeOf(nowMs),
      seen?.target_url ?? null,
      timeOrNull(seen?.failed_at ?? null),
      seen === null ? null : timeOf(nowMs - seen.longest_break_ms),
    ],
  );
}
