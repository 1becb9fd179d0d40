import { newId, type Delivery, type LiveSubscription, type PostResult } from '@milena/domain';
import type { PostRequest } from '@milena/egress';
import { createTestClock } from '@milena/runtime';
import type { SpanEnd, SpanStart, Tracing } from '@milena/tracing';
import { attemptDelivery } from '../src/attempt-delivery.ts';
import { traceAttempts } from '../src/trace-attempts.ts';
import { answer, status, subscriptionOf } from './world.ts';

const CARRIED = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const OWN = '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01';

describe('An attempt that is traced', () => {
  const clock = createTestClock();
  const begun: SpanStart[] = [];
  const ended: SpanEnd[] = [];
  const requests: PostRequest[] = [];
  const tracing: Tracing = {
    start: (span) => {
      begun.push(span);
      return { traceparent: OWN, end: (how) => void ended.push(how) };
    },
    close: () => Promise.resolve(),
  };
  const subscription = subscriptionOf(clock, {
    target_url: 'https://user:geheim@example.com/hook?token=geheim',
    headers: { authorization: 'Bearer geheim' },
  });
  const live: LiveSubscription = { subscription, secrets: [], cancelled: new Set() };
  const delivery: Delivery = {
    ...{ delivery_id: newId(clock.now()), event_id: newId(clock.now()), tenant_id: 'default' },
    ...{ subscription_id: subscription.id, event_type: 'order.created', content_type: 'application/json' },
    ...{
      accepted_at: clock.now(),
      attempt: 2,
      due_at: null,
      deferrals: 0,
      may_repeat: false,
      replay_of: null,
    },
    ...{ resumed_at: null, target_url: null, traceparent: CARRIED, payload: Buffer.from('geheim') },
  };
  const attempt = (result: PostResult | Error): Promise<PostResult> =>
    traceAttempts(attemptDelivery, tracing)(
      (request) => {
        requests.push(request);
        return result instanceof Error ? Promise.reject(result) : Promise.resolve(result);
      },
      delivery,
      live,
      clock.now(),
      10_000,
    );
  beforeEach(() => {
    for (const list of [begun, ended, requests]) list.length = 0;
  });

  it('has a span below what the record carries, and the endpoint gets that span as its parent', async () => {
    const result = answer(clock);
    expect(await attempt(result)).toBe(result);
    expect(begun).toEqual([
      {
        ...{ name: 'deliver', kind: 'client', parent: CARRIED },
        attributes: {
          'http.request.method': 'POST',
          'milena.tenant_id': 'default',
          'milena.subscription_id': subscription.id,
          'milena.event_id': delivery.event_id,
          'milena.delivery_id': delivery.delivery_id,
          'milena.attempt': 2,
        },
      },
    ]);
    expect(requests[0]?.headers['traceparent']).toBe(OWN);
    expect(ended).toEqual([{ attributes: { 'http.response.status_code': 200 }, error: null }]);
    // A retry is made from the record: it must be a brother of this attempt, not its child.
    expect(delivery.traceparent).toBe(CARRIED);
  });

  it.each<[string, Partial<PostResult>, SpanEnd]>([
    [
      'a status',
      { http_status: 503, error_kind: 'http_status' },
      { attributes: { 'http.response.status_code': 503 }, error: '503' },
    ],
    ['no answer', { http_status: null, error_kind: 'timeout' }, { attributes: {}, error: 'timeout' }],
    [
      'an answer that is none',
      { http_status: 200, error_kind: 'invalid_response' },
      { attributes: { 'http.response.status_code': 200 }, error: 'invalid_response' },
    ],
  ])('says in one word that it failed with %s', async (_what, changes, expected) => {
    await attempt(status(clock, 500, { ...changes, ok: false, error_detail: 'geheim' }));
    expect(ended).toEqual([expected]);
  });

  it('ends its span when our own side breaks, and hides nothing of that', async () => {
    const broken = new Error('geheim');
    await expect(attempt(broken)).rejects.toBe(broken);
    expect(ended).toEqual([{ attributes: {}, error: 'internal' }]);
  });

  it('says nothing of URL, headers and payload', async () => {
    await attempt(answer(clock, { response_body: 'geheim', response_headers: { 'set-cookie': 'geheim' } }));
    expect(JSON.stringify([begun, ended])).not.toContain('geheim');
  });
});
