import type { Subscription } from '@milena/domain';
import type { SubscriptionInput } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** An edit after which the attempts before it don't count against the subscription any more lets its health say so. */
export async function judgeAnew(
  tx: Queryable,
  before: Pick<Subscription, 'id' | 'enabled' | 'paused' | 'target_url'>,
  { enabled, paused, target_url }: Partial<SubscriptionInput>,
  nowMs: number,
): Promise<void> {
  const { id } = before;
  const reEnabled = enabled === true && !before.enabled;
  if (reEnabled || (target_url !== undefined && target_url !== before.target_url)) {
    // Not deleted: what an attempt from before still writes would bring the old spell back. And an operator who was told that
    // it fails is told that this is over, but for one that was disabled: nothing has recovered.
    await tx.query(
      `UPDATE subscription_health SET health = 'healthy', failing_since = NULL, changed_at = $2,
         told_since = CASE WHEN $3 THEN NULL ELSE told_since END
       WHERE subscription_id = $1 AND ($3 OR health <> 'healthy')`,
      [id, timeOf(nowMs), reEnabled],
    );
  } else if (paused === false && before.paused) {
    // Until an attempt succeeds it has not recovered, but the time of the pause is nothing the endpoint did.
    await tx.query(
      `UPDATE subscription_health SET failing_since = $2, changed_at = $2
       WHERE subscription_id = $1 AND failing_since IS NOT NULL`,
      [id, timeOf(nowMs)],
    );
  }
}
