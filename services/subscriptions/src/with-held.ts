import type { Subscription } from '@milena/domain';
import type { HeldStore } from '@milena/stores';
import { toTimeOrNull } from './views.ts';

type WithHeld = Subscription & { held: { count: number; oldest_at: string | null } };

/** The subscriptions with what they hold while they are paused. */
export async function withHeld(
  store: Pick<HeldStore, 'summaries'>,
  subscriptions: readonly Subscription[],
): Promise<WithHeld[]> {
  const summaries = await store.summaries(subscriptions.map(({ id }) => id));
  return subscriptions.map((subscription) => {
    const { count, oldest_at } = summaries.get(subscription.id) ?? { count: 0, oldest_at: null };
    return { ...subscription, held: { count, oldest_at: toTimeOrNull(oldest_at) } };
  });
}
