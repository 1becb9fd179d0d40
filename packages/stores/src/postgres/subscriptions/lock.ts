import type { Subscription } from '@milena/domain';
import type { UpdateResult } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { findSubscription } from './find.ts';

type Locked = { kind: 'current'; subscription: Subscription } | Exclude<UpdateResult, { kind: 'updated' }>;

/** Holds the row until the transaction ends, so that of two concurrent edits of one version one is `stale`. */
export async function lockSubscription(
  tx: Queryable,
  id: string,
  expectedVersion: number | null,
): Promise<Locked> {
  await tx.query('SELECT 1 FROM subscriptions WHERE id = $1 FOR UPDATE', [id]);
  const subscription = await findSubscription(tx, id);
  if (subscription === null) return { kind: 'missing' };
  if (expectedVersion !== null && subscription.version !== expectedVersion)
    return { kind: 'stale', subscription };
  return { kind: 'current', subscription };
}
