import { maskCredentials, type Subscription } from '@milena/domain';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

/** Whether requests look different from now on. `after` null: there are none any more. */
function sendsOtherwise(before: Subscription, after: Subscription | null): boolean {
  return (
    before.target_url !== after?.target_url ||
    before.has_secret !== after.has_secret ||
    JSON.stringify(before.headers) !== JSON.stringify(after.headers)
  );
}

/** To be called in the transaction of the change. */
export async function rememberFormer(
  tx: Queryable,
  before: Subscription,
  after: Subscription | null,
  nowMs: number,
): Promise<void> {
  if (!sendsOtherwise(before, after)) return;
  await tx.query(
    `INSERT INTO former_subscriptions
       (subscription_id, until_version, tenant_id, target_url, headers, has_secret, replaced_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [
      before.id,
      before.version,
      before.tenant_id,
      before.target_url,
      JSON.stringify(maskCredentials(before.headers)),
      before.has_secret,
      timeOf(nowMs),
    ],
  );
}
