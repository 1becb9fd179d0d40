import { createHmac } from 'node:crypto';
import { encodeDelivery } from '@milena/domain';
import { DELIVERIES, retryTopic } from '@milena/log';
import { answer, createWorld, status, type World } from './world.ts';

const TWENTY_FIVE_MINUTES = 25 * 60_000;

describe('a delivery', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.service.stop());

  it('that succeeds is logged once and acked, and nothing follows', async () => {
    const delivery = await world.send(world.subscribe());
    await world.pass(TWENTY_FIVE_MINUTES);
    expect(world.posts).toHaveLength(1);
    expect(world.attempts()).toMatchObject([
      { delivery_id: delivery.delivery_id, outcome: 'success', attempt_number: 1, next_attempt_at: null },
    ]);
    expect(world.log.unacked()).toBe(0);
    expect(world.deadLetters()).toEqual([]);
  });

  it('to an endpoint that always fails gets six attempts, none early, then is a dead letter and over', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    const delivery = await world.send(subscription);
    await world.pass(2 * TWENTY_FIVE_MINUTES);

    const times = world.posts.map((posted) => posted.at);
    const waits = times.slice(1).map((at, i) => at - times[i]!);
    // The dice of this world always say one half of the jitter: 5 %.
    expect(waits).toEqual([10_500, 31_500, 63_000, 315_000, 945_000]);
    expect(world.posts.map((posted) => posted.headers['x-milena-attempt'])).toEqual([
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
    ]);
    expect(world.posts.every((posted) => posted.body.equals(delivery.payload))).toBe(true);

    const attempts = world.attempts();
    expect(attempts.map((a) => a.outcome)).toEqual([...Array(5).fill('failed_attempt'), 'failure']);
    expect(attempts.slice(0, 5).map((a) => a.next_attempt_at)).toEqual(times.slice(1));
    expect(attempts.map((a) => a.next_reason)).toEqual([
      'retry 1 of 5 after 10s, plus 500 ms of jitter',
      'retry 2 of 5 after 30s, plus 1.5 s of jitter',
      'retry 3 of 5 after 1m, plus 3.0 s of jitter',
      'retry 4 of 5 after 5m, plus 15.0 s of jitter',
      'retry 5 of 5 after 15m, plus 45.0 s of jitter',
      'all 5 retries are used up',
    ]);
    expect(new Set(attempts.map((a) => a.attempt_id)).size).toBe(6);
    expect(world.deadLetters()).toMatchObject([
      {
        delivery: { delivery_id: delivery.delivery_id, payload: delivery.payload },
        facts: {
          attempts: 6,
          at: times[5],
          reason: 'all 5 retries are used up; last: The endpoint answered 500.',
        },
      },
    ]);
    expect(world.log.unacked()).toBe(0);
    expect(world.dispositions()).toEqual([]);
  });

  it('keeps its due time over a restart', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n === 0 ? 500 : 200));
    await world.send(subscription);
    await world.pass(4000);
    await world.service.stop();
    await world.restart();
    await world.pass(6499);
    expect(world.posts).toHaveLength(1);
    await world.pass(1);
    expect(world.posts).toHaveLength(2);
  });

  it('waits for the Retry-After of the endpoint, in a topic that covers it', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, (_, n) =>
      n === 0 ? status(world.clock, 429, { retry_after: '120' }) : answer(world.clock),
    );
    await world.send(subscription);
    await world.pass(125_999);
    expect(world.posts).toHaveLength(1);
    await world.pass(1);
    expect(world.posts).toHaveLength(2);
    expect(world.sentTo(retryTopic('5m'))).toMatchObject([{ attempt: 2, deferrals: 0 }]);
    expect(world.attempts()[0]!.next_reason).toBe(
      'retry 1 of 5: the endpoint asked for 120 s (Retry-After), plus 6.0 s of jitter',
    );
  });

  it('that is answered with 410 is over at once, and so is its subscription', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, () => status(world.clock, 410));
    await world.send(subscription);
    await world.pass(1000);
    expect(world.attempts()).toMatchObject([{ outcome: 'failure', http_status: 410 }]);
    expect(world.deadLetters()).toHaveLength(1);
    expect(world.disabled).toEqual([{ id: subscription.id, reason: 'The endpoint answered 410 Gone.' }]);
    const later = await world.send(subscription);
    await world.pass(TWENTY_FIVE_MINUTES);
    expect(world.posts).toHaveLength(1);
    expect(world.dispositions()).toMatchObject([
      {
        delivery_id: later.delivery_id,
        what: 'cancelled',
        why: 'the subscription is disabled: The endpoint answered 410 Gone.',
      },
    ]);
  });

  it('of a subscription without retries is a dead letter after its first failure', async () => {
    const subscription = world.subscribe({ retry_delays: [] });
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    await world.send(subscription);
    await world.pass(TWENTY_FIVE_MINUTES);
    expect(world.posts).toHaveLength(1);
    expect(world.attempts()).toMatchObject([{ outcome: 'failure' }]);
    expect(world.deadLetters()).toMatchObject([{ facts: { attempts: 1 } }]);
  });

  it('whose attempt number lies beyond a shortened schedule still gets that attempt, then ends', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    await world.send(subscription, { attempt: 9 });
    await world.pass(TWENTY_FIVE_MINUTES);
    expect(world.attempts()).toMatchObject([{ attempt_number: 9, outcome: 'failure' }]);
    expect(world.deadLetters()).toHaveLength(1);
  });

  it('is retried with the URL, headers and timeout that the subscription has by then', async () => {
    const subscription = world.subscribe({ headers: { 'x-shop': 'north' } });
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n === 0 ? 500 : 200));
    await world.send(subscription);
    await world.pass(1000);
    const target_url = `https://new.example.com/${subscription.id}`;
    const changed = { ...subscription, target_url, headers: {}, timeout_ms: 2500, version: 2 };
    world.subscriptions.set(subscription.id, { subscription: changed, secrets: [], cancelled: new Set() });
    await world.pass(10_000);
    expect(world.posts.map((p) => [p.url, p.headers['x-shop'], p.timeoutMs])).toEqual([
      [subscription.target_url, 'north', 10_000],
      [target_url, undefined, 2500],
    ]);
    expect(world.attempts().map((a) => [a.target_url, a.subscription_version])).toEqual([
      [subscription.target_url, 1],
      [target_url, 2],
    ]);
  });

  it('that nobody can decode is logged, counted and acked, and holds up nothing', async () => {
    await world.log.append([{ topic: DELIVERIES, key: 'x', value: Buffer.from('{}'), headers: {} }]);
    await world.send(world.subscribe());
    await world.pass(10);
    expect(world.log.unacked()).toBe(0);
    expect(world.posts).toHaveLength(1);
    expect(world.logLines.filter((line) => line['event'] === 'delivery.undecodable')).toHaveLength(1);
    const { values } = await world.metrics.deadLetters.get();
    // All of them are there from the start, or Prometheus would see no increase.
    expect(Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]))).toEqual({
      failure: 0,
      gone: 0,
      expired: 0,
      undecodable: 1,
    });
  });
});

describe('the request', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.service.stop());

  it('carries the ids, the event type and the trace, and no signature without a secret', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const subscription = world.subscribe({ headers: { 'x-shop': 'north' } });
    const delivery = await world.send(subscription, {
      traceparent,
      content_type: 'application/json; charset=utf-8',
    });
    await world.settle();
    expect(world.posts[0]!.headers).toEqual({
      'content-type': 'application/json; charset=utf-8',
      'x-milena-delivery-id': delivery.delivery_id,
      'x-milena-attempt': '1',
      'x-event-type': 'order.created',
      'x-shop': 'north',
      traceparent,
      'webhook-id': delivery.event_id,
      'webhook-timestamp': String(world.clock.now() / 1000),
    });
  });

  it('leaves out what the event does not have, and names what a replay repeats', async () => {
    const replay_of = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f';
    await world.send(world.subscribe(), { event_type: null, replay_of });
    await world.settle();
    const { headers } = world.posts[0]!;
    expect(headers['x-milena-replay-of']).toBe(replay_of);
    expect(Object.keys(headers)).not.toContain('x-event-type');
    expect(Object.keys(headers)).not.toContain('traceparent');
  });

  it('is signed with every secret still valid, the current one first', async () => {
    const expires_at = world.clock.now() + 5000;
    const secrets = [
      { value: 'current', expires_at: null },
      { value: 'previous', expires_at },
    ];
    const subscription = world.subscribe({}, { secrets });
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n === 0 ? 500 : 200));
    const delivery = await world.send(subscription);
    await world.pass(11_000);
    const [first, second] = world.posts.map((posted) => posted.headers);
    const sign = (secret: string, headers: Record<string, string>) =>
      `v1,${createHmac('sha256', secret)
        .update(`${delivery.event_id}.${headers['webhook-timestamp']!}.${delivery.payload.toString()}`)
        .digest('base64')}`;
    expect(first!['webhook-signature']).toBe(`${sign('current', first!)} ${sign('previous', first!)}`);
    expect(second!['webhook-signature']).toBe(sign('current', second!));
    expect(second!['webhook-timestamp']).not.toBe(first!['webhook-timestamp']);
    expect(second!['webhook-id']).toBe(first!['webhook-id']);
    const hub = createHmac('sha256', 'current').update(delivery.payload).digest('hex');
    expect(first!['x-hub-signature-256']).toBe(`sha256=${hub}`);
  });
});

it('a failed attempt leaves a log line with every id and the decision', async () => {
  const world = await createWorld();
  const subscription = world.subscribe();
  world.scripts.set(subscription.id, () => status(world.clock, 500));
  const delivery = await world.send(subscription);
  await world.settle();
  expect(world.logLines.find((line) => line['event'] === 'delivery.attempted')).toMatchObject({
    level: 'info',
    delivery_id: delivery.delivery_id,
    event_id: delivery.event_id,
    subscription_id: subscription.id,
    attempt_id: world.attempts()[0]!.attempt_id,
    http_status: 500,
    decision: 'retry',
    next_reason: 'retry 1 of 5 after 10s, plus 500 ms of jitter',
  });
  await world.service.stop();
});

it('a retry travels with the payload bytes and ids it came with', async () => {
  const world = await createWorld();
  const subscription = world.subscribe();
  world.scripts.set(subscription.id, () => status(world.clock, 500));
  const payload = Buffer.from('{"b":1,"a":12345678901234567890,"u":"\\u00e9 é", "b":2}');
  const delivery = await world.send(subscription, { payload });
  await world.settle();
  const [retry] = world.sentTo(retryTopic('10s'));
  expect(encodeDelivery({ ...retry!, attempt: 1, due_at: null })).toEqual(encodeDelivery(delivery));
  await world.service.stop();
});
