import { HttpProblem } from '@milena/http';
import type { Tracing } from '@milena/tracing';
import type { AcceptEvent } from './accept-event.ts';
import { asRefusal } from './refusals.ts';

/**
 * A span for each event that passed the checks of its request, from then until it is durable or refused. The event's
 * deliveries carry this span on in place of the caller's.
 */
export function traceIngest(accept: AcceptEvent, tracing: Tracing): AcceptEvent {
  return async (incoming) => {
    const { tenant_id, addressed_to, traceparent: parent } = incoming;
    const span = tracing.start({
      name: 'ingest',
      kind: 'server',
      parent,
      attributes: {
        'milena.tenant_id': tenant_id,
        ...(addressed_to !== null && { 'milena.subscription_id': addressed_to }),
      },
    });
    try {
      const accepted = await accept({ ...incoming, traceparent: span.traceparent });
      const { event_id, deliveries } = accepted.answer;
      const [only] = deliveries.length === 1 ? deliveries : [];
      const attributes = {
        'http.response.status_code': 202,
        'milena.event_id': event_id,
        'milena.deliveries': deliveries.length,
        ...(only && { 'milena.delivery_id': only.delivery_id }),
        ...(accepted.replayed && { 'milena.idempotent_replayed': true }),
      };
      span.end({ attributes, error: null });
      return accepted;
    } catch (error) {
      const refusal = asRefusal(error);
      const { status, slug } = refusal instanceof HttpProblem ? refusal : { status: 500, slug: 'internal' };
      // A caller's mistake is no error of a server's span. Source: OpenTelemetry, semantic conventions for HTTP.
      span.end({ attributes: { 'http.response.status_code': status }, error: status < 500 ? null : slug });
      throw error;
    }
  };
}
