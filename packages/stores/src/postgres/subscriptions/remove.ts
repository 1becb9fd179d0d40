import type { UpdateResult } from '../../ports.ts';
import type { Postgres } from '../client.ts';
import { rememberFormer } from '../former-subscriptions/remember.ts';
import { lockSubscription } from './lock.ts';

/** `updated` carries the subscription as it was. Secrets and health go with it. */
export async function removeSubscription(
  pg: Postgres,
  id: string,
  expectedVersion: number | null,
  nowMs: number,
): Promise<UpdateResult> {
  return pg.transaction(async (tx) => {
    const locked = await lockSubscription(tx, id, expectedVersion);
    if (locked.kind !== 'current') return locked;
    await tx.query('DELETE FROM subscriptions WHERE id = $1', [id]);
    await rememberFormer(tx, locked.subscription, null, nowMs);
    return { kind: 'updated', subscription: locked.subscription };
  });
}
