import {
  deadLetterDelivery,
  newId,
  noticeDelivery,
  OPERATOR_SUBSCRIPTION_ID,
  OPERATOR_TENANT,
  tenantIdSchema,
  type Delivery,
  type SubscriptionNotice,
} from '@milena/domain';

const NOW = Date.UTC(2026, 0, 1, 12);
const BEFORE = NOW - 90_000;
const about = {
  subscription_id: newId(BEFORE),
  tenant_id: 'shop-1',
  target_url: 'https://user:hush@hooks.example.com:8443/T0/hush?token=hush',
};
const notices: SubscriptionNotice[] = [
  { ...about, type: 'subscription.failing', health: 'open', failing_since: BEFORE },
  { ...about, type: 'subscription.recovered', failing_since: BEFORE, recovered_at: NOW - 30_000 },
  {
    ...about,
    type: 'subscription.disabled',
    id: newId(NOW - 1000),
    reason: 'The endpoint answered 410 Gone.',
    failing_since: null,
    disabled_at: NOW - 1000,
  },
];
const failed: Delivery = {
  delivery_id: newId(BEFORE),
  event_id: newId(BEFORE),
  tenant_id: 'shop-1',
  subscription_id: about.subscription_id,
  event_type: 'order.created',
  content_type: 'application/json',
  accepted_at: BEFORE,
  attempt: 6,
  due_at: NOW - 5,
  deferrals: 2,
  may_repeat: true,
  replay_of: null,
  resumed_at: null,
  target_url: 'https://other.example.com/hush',
  traceparent: null,
  payload: Buffer.from('{"card":"hush"}'),
};
const facts = { reason: 'all 5 retries are used up; last: The endpoint answered 503.', at: NOW, attempts: 6 };
const bodyOf = (delivery: Delivery): unknown => JSON.parse(delivery.payload.toString());

describe('an operational event', () => {
  const deliveries = [...notices.map((one) => noticeDelivery(one, NOW)), deadLetterDelivery(failed, facts)!];

  it('is a fresh delivery to the operator, whom no tenant can be named like', () => {
    expect(tenantIdSchema.safeParse(OPERATOR_TENANT).success).toBe(false);
    for (const delivery of deliveries) {
      expect(delivery).toMatchObject({
        subscription_id: OPERATOR_SUBSCRIPTION_ID,
        tenant_id: OPERATOR_TENANT,
        content_type: 'application/json',
        accepted_at: NOW,
        attempt: 1,
        deferrals: 0,
        due_at: null,
        may_repeat: false,
        target_url: null,
      });
      expect(bodyOf(delivery)).toMatchObject({ type: delivery.event_type });
    }
  });

  it('has type, timestamp and data', () => {
    const { subscription_id } = about;
    const common = { subscription_id, tenant_id: 'shop-1', target_origin: 'https://hooks.example.com:8443' };
    expect(deliveries.map(bodyOf)).toEqual([
      {
        type: 'subscription.failing',
        timestamp: '2026-01-01T12:00:00.000Z',
        data: { ...common, health: 'open', failing_since: '2026-01-01T11:58:30.000Z' },
      },
      {
        type: 'subscription.recovered',
        timestamp: '2026-01-01T11:59:30.000Z',
        data: {
          ...common,
          failing_since: '2026-01-01T11:58:30.000Z',
          recovered_at: '2026-01-01T11:59:30.000Z',
        },
      },
      {
        type: 'subscription.disabled',
        timestamp: '2026-01-01T11:59:59.000Z',
        data: {
          ...common,
          reason: 'The endpoint answered 410 Gone.',
          failing_since: null,
          disabled_at: '2026-01-01T11:59:59.000Z',
        },
      },
      {
        type: 'delivery.dead_lettered',
        timestamp: '2026-01-01T12:00:00.000Z',
        data: {
          delivery_id: failed.delivery_id,
          event_id: failed.event_id,
          subscription_id,
          tenant_id: 'shop-1',
          event_type: 'order.created',
          attempts: 6,
          reason: facts.reason,
          accepted_at: '2026-01-01T11:58:30.000Z',
          dead_lettered_at: '2026-01-01T12:00:00.000Z',
          replay_of: null,
        },
      },
    ]);
  });

  it('tells neither payloads nor what may be a secret in a URL', () => {
    const said = deliveries.map(({ payload }) => payload.toString()).join();
    expect(said).not.toContain('hush');
  });

  it('made again of the same has the same webhook-id, and of another a different one', () => {
    const again = [
      ...notices.map((one) => noticeDelivery(one, NOW + 5000)),
      deadLetterDelivery({ ...failed, may_repeat: false }, { ...facts, at: NOW + 5000 })!,
    ];
    const ids = deliveries.map(({ event_id }) => event_id);
    expect(again.map(({ event_id }) => event_id)).toEqual(ids);
    const next = notices.map((one) => ({ ...one, failing_since: BEFORE + 1, id: newId(NOW) }));
    const others = [
      ...next.map((one) => noticeDelivery(one as SubscriptionNotice, NOW)),
      deadLetterDelivery({ ...failed, delivery_id: newId(BEFORE) }, facts)!,
    ];
    expect(new Set([...ids, ...others.map(({ event_id }) => event_id)]).size).toBe(8);
  });
});

it('an operational event that is given up makes no further event', () => {
  expect(deadLetterDelivery(deadLetterDelivery(failed, facts)!, facts)).toBeNull();
});

it('a target that is no URL any more is told as none', () => {
  const notice = { ...notices[0]!, target_url: 'nowhere' };
  expect(bodyOf(noticeDelivery(notice, NOW))).toMatchObject({ data: { target_origin: null } });
});
