import { NO_ID, newId, planDeliveries, type AcceptedEvent, type LiveSubscription } from '@milena/domain';

const NOW = Date.UTC(2026, 0, 1);
const event: AcceptedEvent = {
  event_id: newId(NOW),
  tenant_id: 'default',
  event_type: 'order.created',
  content_type: 'application/json',
  accepted_at: NOW,
  traceparent: null,
  payload: Buffer.from('{"a": 1}'),
};

function live(event_types: string[], enabled = true): LiveSubscription {
  const at = new Date(NOW).toISOString();
  return {
    subscription: {
      id: newId(NOW),
      target_url: 'https://example.com/',
      tenant_id: 'default',
      event_types,
      description: null,
      enabled,
      paused: false,
      headers: {},
      timeout_ms: null,
      max_in_flight: null,
      rate_limit_per_s: null,
      ingest_limit_per_s: null,
      retry_delays: null,
      metadata: {},
      disabled_reason: null,
      has_secret: false,
      health: 'healthy',
      failing_since: null,
      version: 1,
      created_at: at,
      updated_at: at,
    },
    secrets: [],
    cancelled: new Set(),
  };
}

const idFor = (subscriptionId: string) => `delivery-to-${subscriptionId}`;

describe('planning deliveries', () => {
  it('gives one delivery to each enabled subscription that wants the type, and filters nothing then', () => {
    const all = live([]);
    const orders = live(['order.*']);
    const others = [live(['invoice.*']), live([], false)];
    const plan = planDeliveries(event, [all, ...others, orders], null, idFor);
    expect(plan.filtered).toBeNull();
    expect(plan.deliveries.map((d) => d.subscription_id)).toEqual([
      all.subscription.id,
      orders.subscription.id,
    ]);
    expect(plan.deliveries[0]).toEqual({
      ...event,
      delivery_id: idFor(all.subscription.id),
      subscription_id: all.subscription.id,
      attempt: 1,
      due_at: null,
      deferrals: 0,
      may_repeat: false,
      replay_of: null,
      resumed_at: null,
      target_url: null,
    });
  });

  it("never copies the payload's bytes", () => {
    const plan = planDeliveries(event, [live([]), live([])], null, idFor);
    expect(plan.deliveries.every((d) => d.payload === event.payload)).toBe(true);
  });

  it('records an event that its subscription does not want as filtered, payload included', () => {
    const subscription = live(['invoice.*']);
    const { id } = subscription.subscription;
    const plan = planDeliveries(event, [subscription], id, idFor);
    expect(plan.deliveries).toEqual([]);
    expect(plan.filtered?.disposition).toMatchObject({
      delivery_id: idFor(id),
      event_id: event.event_id,
      subscription_id: id,
      what: 'filtered',
      at: NOW,
      why: 'The subscription does not want events of type order.created.',
    });
    expect(Buffer.from(plan.filtered?.event.payload_base64 ?? '', 'base64')).toEqual(event.payload);
  });

  it('records a fan-out that nobody wants once, under no subscription', () => {
    const plan = planDeliveries({ ...event, event_type: null }, [live(['a']), live(['b'])], null, idFor);
    expect(plan.deliveries).toEqual([]);
    expect(plan.filtered?.disposition).toMatchObject({
      delivery_id: idFor(NO_ID),
      subscription_id: NO_ID,
      event_type: null,
      why: 'No enabled subscription wants events without a type.',
    });
  });
});
