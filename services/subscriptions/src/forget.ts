import type { Logger } from '@milena/runtime';
import type { SubscriptionDirectory } from '@milena/stores';

/**
 * Makes every cache drop the subscription. The change itself is stored by now, so a cache that can't be reached is no
 * reason to tell the caller that it failed: others see it when their copy runs out.
 */
export async function forget(
  directory: Pick<SubscriptionDirectory, 'invalidate'>,
  subscription: { id: string; tenant_id: string },
  log: Logger,
): Promise<void> {
  try {
    await directory.invalidate(subscription.id, subscription.tenant_id);
  } catch (error) {
    log.warn({ event: 'cache.not_invalidated', subscription_id: subscription.id, err: error });
  }
}
