import { derivedIdAt, type Delivery, type EventRow } from '@milena/domain';
import type { SubscriptionStore } from '@milena/stores';

/**
 * The deliveries of one batch. Their ids follow from the job, the batch's time and what they repeat, so a batch that is
 * made again after a crash has the same. `failed`: how many can't be delivered, because their subscription is gone or
 * disabled; the worker would end those as cancelled, and a dead letter would be closed for nothing.
 */
export async function makeDeliveries(
  subscriptions: Pick<SubscriptionStore, 'find'>,
  job: { id: string; target_url: string | null },
  at: number,
  items: readonly EventRow[],
): Promise<{ deliveries: Delivery[]; failed: number }> {
  const deliverable = new Map<string, boolean>();
  for (const { subscription_id: id } of items) {
    if (deliverable.has(id)) continue;
    const subscription = await subscriptions.find(id);
    deliverable.set(id, subscription?.enabled === true);
  }
  const wanted = items.filter(({ subscription_id }) => deliverable.get(subscription_id) === true);
  const deliveries = wanted.map((item) => ({
    delivery_id: derivedIdAt(at, job.id, item.delivery_id),
    event_id: item.event_id,
    tenant_id: item.tenant_id,
    subscription_id: item.subscription_id,
    event_type: item.event_type,
    content_type: item.content_type,
    accepted_at: at,
    attempt: 1,
    due_at: null,
    deferrals: 0,
    may_repeat: false,
    replay_of: item.delivery_id,
    resumed_at: null,
    target_url: job.target_url,
    traceparent: item.traceparent,
    payload: item.payload,
  }));
  return { deliveries, failed: items.length - wanted.length };
}
