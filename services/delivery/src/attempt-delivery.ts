import {
  signHub,
  signStandard,
  validSecrets,
  type Delivery,
  type LiveSubscription,
  type PostResult,
} from '@milena/domain';
import type { HttpPost } from '@milena/egress';

/**
 * The headers of one attempt; `host`, `content-length` and `user-agent` are added where the request is sent. Without a
 * secret `webhook-id` and `webhook-timestamp` still go out. Source: standardwebhooks.com, "Webhook metadata".
 */
function attemptHeaders(delivery: Delivery, live: LiveSubscription, nowMs: number): Record<string, string> {
  const timestampS = Math.floor(nowMs / 1000);
  const headers: Record<string, string> = {
    // They may hold credentials for the subscription's own endpoint, which are nobody else's business.
    ...(delivery.target_url === null && live.subscription.headers),
    'content-type': delivery.content_type,
    'x-milena-delivery-id': delivery.delivery_id,
    'x-milena-attempt': String(delivery.attempt),
    'webhook-id': delivery.event_id,
    'webhook-timestamp': String(timestampS),
  };
  if (delivery.event_type !== null) headers['x-event-type'] = delivery.event_type;
  if (delivery.traceparent !== null) headers['traceparent'] = delivery.traceparent;
  if (delivery.replay_of !== null) headers['x-milena-replay-of'] = delivery.replay_of;
  const secrets = validSecrets(live, nowMs);
  const [current] = secrets;
  if (current !== undefined) {
    const { payload, event_id: id } = delivery;
    headers['webhook-signature'] = secrets
      .map((secret) => signStandard({ secret, id, timestampS, payload }))
      .join(' ');
    // GitHub's header has room for one signature only.
    headers['x-hub-signature-256'] = signHub(current, payload);
  }
  return headers;
}

/** One POST of the payload's own bytes to where the subscription points now, or to the delivery's own URL. */
export function attemptDelivery(
  post: HttpPost['post'],
  delivery: Delivery,
  live: LiveSubscription,
  now: number,
  defaultTimeoutMs: number,
): Promise<PostResult> {
  return post({
    url: delivery.target_url ?? live.subscription.target_url,
    headers: attemptHeaders(delivery, live, now),
    body: delivery.payload,
    timeoutMs: live.subscription.timeout_ms ?? defaultTimeoutMs,
  });
}
