import type { Tracing } from '@milena/tracing';
import type { attemptDelivery } from './attempt-delivery.ts';

/**
 * A span for each attempt, first or retry, below what the delivery's record carries: all attempts of an event stand side by
 * side in one trace. The endpoint gets the attempt's own span as its parent.
 */
export function traceAttempts(attempt: typeof attemptDelivery, tracing: Tracing): typeof attemptDelivery {
  return async (post, delivery, live, now, defaultTimeoutMs) => {
    const span = tracing.start({
      name: 'deliver',
      kind: 'client',
      parent: delivery.traceparent,
      attributes: {
        'http.request.method': 'POST',
        'milena.tenant_id': delivery.tenant_id,
        'milena.subscription_id': delivery.subscription_id,
        'milena.event_id': delivery.event_id,
        'milena.delivery_id': delivery.delivery_id,
        'milena.attempt': delivery.attempt,
        ...(delivery.replay_of !== null && { 'milena.replay_of': delivery.replay_of }),
      },
    });
    try {
      const carried = { ...delivery, traceparent: span.traceparent };
      const result = await attempt(post, carried, live, now, defaultTimeoutMs);
      const { http_status, error_kind } = result;
      // The status is the error when it was one. Source: OpenTelemetry, semantic conventions for HTTP.
      const error = error_kind === 'http_status' ? String(http_status) : error_kind;
      const attributes = http_status === null ? {} : { 'http.response.status_code': http_status };
      span.end({ attributes, error });
      return result;
    } catch (error) {
      span.end({ attributes: {}, error: 'internal' });
      throw error;
    }
  };
}
