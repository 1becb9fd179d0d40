import { newId } from '@milena/domain';
import type { SecretChange } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import type { SecretBox } from '../secret-box.ts';
import { timeOf } from '../sql.ts';

interface Context {
  secretBox: SecretBox;
  nowMs: number;
  subscriptionId: string;
}

/** The subscription must exist and have no current secret. */
export async function insertSecret(tx: Queryable, job: Context & { secret: string }): Promise<void> {
  const { key_id, sealed } = job.secretBox.seal(job.secret, job.subscriptionId);
  await tx.query(
    `INSERT INTO subscription_secrets (id, subscription_id, tenant_id, key_id, sealed, created_at)
     SELECT $1, id, tenant_id, $3, $4, $5 FROM subscriptions WHERE id = $2`,
    [newId(job.nowMs), job.subscriptionId, key_id, sealed, timeOf(job.nowMs)],
  );
}

/** Replacing or removing ends the grace period of earlier secrets too: whoever does that wants them gone. */
export async function changeSecret(tx: Queryable, context: Context, change: SecretChange): Promise<void> {
  if (change.kind === 'keep') return;
  const { subscriptionId, nowMs } = context;
  if (change.kind === 'rotate') {
    await tx.query('DELETE FROM subscription_secrets WHERE subscription_id = $1 AND expires_at <= $2', [
      subscriptionId,
      timeOf(nowMs),
    ]);
    await tx.query(
      'UPDATE subscription_secrets SET expires_at = $2 WHERE subscription_id = $1 AND expires_at IS NULL',
      [subscriptionId, timeOf(change.old_expires_at)],
    );
  } else {
    await tx.query('DELETE FROM subscription_secrets WHERE subscription_id = $1', [subscriptionId]);
  }
  if (change.kind !== 'remove') await insertSecret(tx, { ...context, secret: change.secret });
}
