import type { Clock } from '@milena/runtime';
import type { SecretChange, SubscriptionInput, UpdateResult } from '../../ports.ts';
import type { Postgres, Queryable } from '../client.ts';
import { rememberFormer } from '../former-subscriptions/remember.ts';
import type { SecretBox } from '../secret-box.ts';
import { timeOf } from '../sql.ts';
import { lockSubscription } from './lock.ts';
import { findSubscription } from './find.ts';
import { judgeAnew } from './judge-anew.ts';
import { changeSecret } from './secrets.ts';
import { columnsOf } from './writable-columns.ts';

type SubscriptionChanges = Partial<SubscriptionInput> & { disabled_reason?: string | null };

export async function updateSubscription(
  { pg, secretBox, clock }: { pg: Postgres; secretBox: SecretBox; clock: Clock },
  id: string,
  changes: SubscriptionChanges,
  secret: SecretChange,
  expectedVersion: number | null,
): Promise<UpdateResult> {
  const nowMs = clock.now();
  return pg.transaction(async (tx) => {
    const locked = await lockSubscription(tx, id, expectedVersion);
    if (locked.kind !== 'current') return locked;
    const reEnabled = changes.enabled === true && !locked.subscription.enabled;
    await writeColumns(tx, id, reEnabled ? { ...changes, disabled_reason: null } : changes, nowMs);
    await judgeAnew(tx, locked.subscription, changes, nowMs);
    if (changes.tenant_id !== undefined) await moveToTenant(tx, id);
    await changeSecret(tx, { secretBox, nowMs, subscriptionId: id }, secret);
    const subscription = await findSubscription(tx, id);
    await rememberFormer(tx, locked.subscription, subscription, nowMs);
    return subscription === null ? { kind: 'missing' } : { kind: 'updated', subscription };
  });
}

async function writeColumns(
  tx: Queryable,
  id: string,
  changes: SubscriptionChanges,
  nowMs: number,
): Promise<void> {
  const given = columnsOf(changes);
  const settings = given.map(({ column }, index) => `${column} = $${index + 3}`);
  await tx.query(
    `UPDATE subscriptions SET ${['version = version + 1', 'updated_at = $2', ...settings].join(', ')} WHERE id = $1`,
    [id, timeOf(nowMs), ...given.map(({ value }) => value)],
  );
}

/** The rows that belong to a subscription carry its tenant. */
async function moveToTenant(tx: Queryable, id: string): Promise<void> {
  for (const table of ['subscription_secrets', 'subscription_health'])
    await tx.query(
      `UPDATE ${table} t SET tenant_id = s.tenant_id FROM subscriptions s WHERE s.id = $1 AND t.subscription_id = s.id`,
      [id],
    );
}
