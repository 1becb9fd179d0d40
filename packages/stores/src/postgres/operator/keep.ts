import { OPERATOR_SUBSCRIPTION_ID, OPERATOR_TENANT } from '@milena/domain';
import type { Clock } from '@milena/runtime';
import type { OperatorEndpoint } from '../../operator-ports.ts';
import type { SecretChange } from '../../ports.ts';
import type { Postgres } from '../client.ts';
import type { SecretBox } from '../secret-box.ts';
import { timeOf } from '../sql.ts';
import { findSubscription } from '../subscriptions/find.ts';
import { loadLiveSubscription } from '../subscriptions/load-live.ts';
import { insertSecret } from '../subscriptions/secrets.ts';
import { updateSubscription } from '../subscriptions/update.ts';

interface KeepDeps {
  pg: Postgres;
  secretBox: SecretBox;
  clock: Clock;
}

/** How long the secret before signs too, so that receivers can change over in their own time. */
const GRACE_MS = 86_400_000;
const DESCRIPTION = 'Operational events of this installation, set by OPERATOR_WEBHOOK_URL.';

/** True when it was not there. */
export async function insertOperator(
  { pg, secretBox, clock }: KeepDeps,
  wanted: OperatorEndpoint,
): Promise<boolean> {
  const nowMs = clock.now();
  return pg.transaction(async (tx) => {
    const { count } = await tx.query(
      `INSERT INTO subscriptions (id, tenant_id, target_url, description, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING`,
      [OPERATOR_SUBSCRIPTION_ID, OPERATOR_TENANT, wanted.target_url, DESCRIPTION, timeOf(nowMs)],
    );
    if (count === 0) return false;
    const subscriptionId = OPERATOR_SUBSCRIPTION_ID;
    await insertSecret(tx, { secretBox, nowMs, subscriptionId, secret: wanted.secret });
    return true;
  });
}

/** True when it was another. Of several processes that find it so at once, one changes it. */
export async function changeOperator(deps: KeepDeps, wanted: OperatorEndpoint): Promise<boolean> {
  const { target_url, secret } = wanted;
  const subscription = await findSubscription(deps.pg, OPERATOR_SUBSCRIPTION_ID);
  if (subscription === null) return false;
  const change = await secretChange(deps, secret);
  if (subscription.target_url === target_url && subscription.enabled && change.kind === 'keep') return false;
  const changes = { target_url, enabled: true };
  const { id, version } = subscription;
  const { kind } = await updateSubscription(deps, id, changes, change, version);
  return kind === 'updated';
}

async function secretChange(deps: KeepDeps, secret: string): Promise<SecretChange> {
  const live = await loadLiveSubscription(deps, OPERATOR_SUBSCRIPTION_ID);
  const current = live?.secrets?.find(({ expires_at }) => expires_at === null);
  if (current?.value === secret) return { kind: 'keep' };
  // Also of one that is sealed under a key which is not known any more: nobody can sign with it.
  if (current === undefined) return { kind: 'replace', secret };
  return { kind: 'rotate', secret, old_expires_at: deps.clock.now() + GRACE_MS };
}

/** With what was still to be told; when it is configured again, that is a new beginning. True when it was there. */
export async function removeOperator(pg: Postgres): Promise<boolean> {
  return pg.transaction(async (tx) => {
    const { count } = await tx.query('DELETE FROM subscriptions WHERE id = $1', [OPERATOR_SUBSCRIPTION_ID]);
    if (count === 0) return false;
    await tx.query('DELETE FROM operator_notices');
    // Made again, its versions begin anew.
    await tx.query('DELETE FROM former_subscriptions WHERE subscription_id = $1', [OPERATOR_SUBSCRIPTION_ID]);
    await tx.query('UPDATE subscription_health SET told_since = NULL WHERE told_since IS NOT NULL');
    return true;
  });
}
