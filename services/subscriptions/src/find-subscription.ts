import type { Subscription } from '@milena/domain';
import { notFound } from '@milena/http';
import type { SubscriptionStore } from '@milena/stores';

/** @throws HttpProblem 404 */
export async function findSubscription(
  deps: { subscriptions: Pick<SubscriptionStore, 'find'> },
  id: string,
): Promise<Subscription> {
  const subscription = await deps.subscriptions.find(id);
  if (subscription === null) throw notFound('subscription');
  return subscription;
}
