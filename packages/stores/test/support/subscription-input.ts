import type { SubscriptionInput } from '../../src/ports.ts';

/** A subscription as a caller would ask for it, everything left at its default but what is given. */
export function subscriptionInput(changes: Partial<SubscriptionInput> = {}): SubscriptionInput {
  return {
    target_url: 'https://example.com/hooks',
    tenant_id: 'default',
    event_types: [],
    description: null,
    enabled: true,
    paused: false,
    headers: {},
    timeout_ms: null,
    max_in_flight: null,
    rate_limit_per_s: null,
    ingest_limit_per_s: null,
    retry_delays: null,
    metadata: {},
    ...changes,
  };
}
