import type { Health } from '@milena/domain';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** Does nothing when the subscription is gone. */
export async function setHealth(
  pg: Queryable,
  change: { id: string; health: Exclude<Health, 'disabled'>; failingSinceMs: number | null; nowMs: number },
): Promise<void> {
  await pg.query(
    `INSERT INTO subscription_health (subscription_id, tenant_id, health, failing_since, changed_at)
     SELECT id, tenant_id, $2, $3, $4 FROM subscriptions WHERE id = $1 FOR KEY SHARE
     ON CONFLICT (subscription_id) DO UPDATE
       SET health = excluded.health, failing_since = excluded.failing_since, changed_at = excluded.changed_at`,
    [
      change.id,
      change.health,
      change.failingSinceMs === null ? null : timeOf(change.failingSinceMs),
      timeOf(change.nowMs),
    ],
  );
}
