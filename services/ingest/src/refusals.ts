import { HttpProblem, unavailable } from '@milena/http';
import { LogUnavailableError } from '@milena/log';
import type { Metrics } from '@milena/runtime';
import { StoreUnavailableError } from '@milena/stores';
import { BacklogFullError } from '@milena/runtime';

/** What a caller is told about a part that can't serve right now; anything else passes unchanged. */
export function asRefusal(error: unknown): unknown {
  if (error instanceof BacklogFullError)
    return unavailable('More events are waiting than can be kept; none was accepted.');
  if (error instanceof LogUnavailableError) {
    return unavailable(
      error.maybeAppended
        ? 'The log did not say in time whether it has the event; sent again with the same idempotency key it is the same event.'
        : 'The log can not take events now; none was accepted.',
    );
  }
  if (error instanceof StoreUnavailableError)
    return unavailable('Subscriptions or idempotency keys can not be read now; no event was accepted.');
  return error;
}

/** Wraps a handler so that each refusal is counted under the last part of its problem type. */
export function countRefusals<Request, Reply>(
  metrics: Pick<Metrics, 'ingestRefused'>,
  handler: (request: Request) => Promise<Reply>,
): (request: Request) => Promise<Reply> {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      const refusal = asRefusal(error);
      if (refusal instanceof HttpProblem) metrics.ingestRefused.inc({ reason: refusal.slug });
      throw refusal;
    }
  };
}
