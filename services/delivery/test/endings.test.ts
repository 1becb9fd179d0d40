import { DELIVERIES } from '@milena/log';
import { createWorld, slow, status, type World } from './world.ts';

describe('no POST is made', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  it('for a subscription that was deleted', async () => {
    const subscription = world.subscribe();
    world.subscriptions.delete(subscription.id);
    const delivery = await world.send(subscription);
    await world.settle();
    expect(world.posts).toEqual([]);
    expect(world.dispositions()).toMatchObject([
      { delivery_id: delivery.delivery_id, what: 'cancelled', why: 'the subscription was deleted' },
    ]);
    expect(world.deadLetters()).toEqual([]);
    expect(world.log.unacked()).toBe(0);
  });

  it('for a subscription that is disabled, also when it was disabled between two attempts', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    await world.send(subscription);
    await world.settle();
    const disabled = { ...subscription, enabled: false, version: 2 };
    world.subscriptions.set(subscription.id, { subscription: disabled, secrets: [], cancelled: new Set() });
    await world.pass(20_000);
    expect(world.posts).toHaveLength(1);
    expect(world.dispositions()).toMatchObject([{ what: 'cancelled', why: 'the subscription is disabled' }]);
    expect(world.log.unacked()).toBe(0);
  });

  it('for a delivery that was cancelled, while others of its subscription go on', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n < 2 ? 500 : 200));
    const cancelled = await world.send(subscription);
    const other = await world.send(subscription);
    await world.settle();
    world.subscriptions.set(subscription.id, {
      subscription,
      secrets: [],
      cancelled: new Set([cancelled.delivery_id]),
    });
    await world.pass(20_000);
    expect(world.posts.slice(2).map((p) => p.delivery_id)).toEqual([other.delivery_id]);
    expect(world.dispositions()).toMatchObject([
      { delivery_id: cancelled.delivery_id, what: 'cancelled', why: 'the delivery was cancelled' },
    ]);
  });

  it('for a delivery that was cancelled while it waited for its turn', async () => {
    const subscription = world.subscribe({ max_in_flight: 1 });
    world.scripts.set(subscription.id, slow(world.clock, 100));
    await world.send(subscription);
    const waiting = await world.send(subscription);
    await world.settle();
    world.subscriptions.set(subscription.id, {
      subscription,
      secrets: [],
      cancelled: new Set([waiting.delivery_id]),
    });
    await world.pass(1000);
    expect(world.posts).toHaveLength(1);
    expect(world.dispositions()).toMatchObject([{ delivery_id: waiting.delivery_id, what: 'cancelled' }]);
    await world.send(subscription);
    await world.pass(1000);
    expect(world.posts).toHaveLength(2);
  });
});

it('every delivery is in motion or has ended exactly once, whatever its endpoint does', async () => {
  const world = await createWorld({ maxAgeMs: 600_000 });
  const codes = [200, 500, 410, 404, 503, 200];
  const all = codes.map(() => world.subscribe({ retry_delays: ['10s', '30s'] }));
  for (const [i, { id }] of all.entries()) world.scripts.set(id, () => status(world.clock, codes[i]!));
  for (let n = 0; n < 30; n += 1) for (const one of all) await world.send(one);
  await world.pass(60 * 60_000);
  const ends = new Map<string, number>();
  const end = (id: string) => ends.set(id, (ends.get(id) ?? 0) + 1);
  for (const attempt of world.attempts()) if (attempt.outcome !== 'failed_attempt') end(attempt.delivery_id);
  for (const one of world.dispositions()) if (one.what !== 'deferred') end(one.delivery_id);
  expect(world.log.unacked()).toBe(0);
  expect(world.log.records.filter((r) => r.topic === DELIVERIES)).toHaveLength(180);
  expect(ends.size).toBe(180);
  expect([...ends.values()].every((n) => n === 1)).toBe(true);
  expect(world.attempts().length + world.dispositions().length).toBeGreaterThan(180);
  await world.end();
});
