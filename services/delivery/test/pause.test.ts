import { decodeHeld, encodeDelivery } from '@milena/domain';
import { DELIVERIES, HELD } from '@milena/log';
import { createWorld, slow, status, type World } from './world.ts';

describe('while a subscription is paused', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld({ maxAgeMs: 3_600_000 });
  });
  afterEach(() => world.end());

  const held = () => world.log.records.filter((r) => r.topic === HELD).map((r) => decodeHeld(r));
  const pause = (subscription: ReturnType<World['subscribe']>, paused: boolean) => {
    const live = world.subscriptions.get(subscription.id)!;
    world.subscriptions.set(subscription.id, { ...live, subscription: { ...live.subscription, paused } });
  };

  it('its deliveries are held in the order in which they came, without a POST, and the log is free of them', async () => {
    const subscription = world.subscribe({ paused: true });
    const sent = [];
    for (let n = 0; n < 50; n += 1) sent.push(await world.send(subscription));
    await world.settle();
    expect(world.posts).toEqual([]);
    expect(held().map(({ delivery }) => delivery)).toEqual(sent);
    expect(world.dispositions().map(({ delivery_id, what }) => [delivery_id, what])).toEqual(
      sent.map(({ delivery_id }) => [delivery_id, 'held']),
    );
    expect(world.log.unacked()).toBe(0);
  });

  it('a retry that comes due is held with the number of its next attempt', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    const delivery = await world.send(subscription);
    await world.settle();
    pause(subscription, true);
    await world.pass(20_000);
    expect(held()).toMatchObject([{ delivery: { ...delivery, attempt: 2, due_at: null } }]);
    expect(world.posts).toHaveLength(1);
  });

  it('what waited for its turn when the pause began is held as well', async () => {
    const subscription = world.subscribe({ max_in_flight: 1 });
    world.scripts.set(subscription.id, slow(world.clock, 100));
    await world.send(subscription);
    const waiting = await world.send(subscription);
    await world.settle();
    pause(subscription, true);
    await world.pass(1000);
    expect(world.posts).toHaveLength(1);
    expect(held().map(({ delivery }) => delivery.delivery_id)).toEqual([waiting.delivery_id]);
    pause(subscription, false);
    await world.send(subscription);
    await world.pass(1000);
    expect(world.posts).toHaveLength(2);
  });

  it('nothing expires, and after a release age counts anew', async () => {
    const subscription = world.subscribe({ paused: true });
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    const delivery = await world.send(subscription, { deferrals: 3 });
    await world.pass(2 * 3_600_000);
    expect(held()).toHaveLength(1);
    expect(world.deadLetters()).toEqual([]);
    pause(subscription, false);
    const released = { ...delivery, resumed_at: world.clock.now(), deferrals: 1 };
    await world.log.append([{ topic: DELIVERIES, ...encodeDelivery(released) }]);
    await world.settle();
    expect(world.posts).toHaveLength(1);
    expect(world.dispositions().map(({ what }) => what)).not.toContain('expired');
  });

  it('a deletion ends its deliveries rather than holding them', async () => {
    const subscription = world.subscribe({ paused: true, enabled: false });
    await world.send(subscription);
    await world.settle();
    expect(held()).toEqual([]);
    expect(world.dispositions()).toMatchObject([{ what: 'cancelled' }]);
  });
});

describe('a delivery to another URL', () => {
  it('goes there on every attempt, without the headers meant for the own endpoint, and its history says where', async () => {
    const world = await createWorld();
    const subscription = world.subscribe({ headers: { authorization: 'Bearer own' } });
    const target_url = `https://elsewhere.example/${subscription.id}`;
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n === 0 ? 500 : 200));
    await world.send(subscription, { target_url });
    await world.pass(20_000);
    expect(world.posts.map(({ url }) => url)).toEqual([target_url, target_url]);
    expect(world.posts[0]!.headers).not.toHaveProperty('authorization');
    expect(world.attempts().map((attempt) => attempt.target_url)).toEqual([target_url, target_url]);
    await world.end();
  });

  it('tells nothing about the own endpoint: neither its health nor its breaker changes, and 410 disables nothing', async () => {
    const world = await createWorld();
    const subscription = world.subscribe();
    const target_url = `https://elsewhere.example/${subscription.id}`;
    world.scripts.set(subscription.id, ({ url }) => {
      if (url !== target_url) return status(world.clock, 200);
      return status(world.clock, world.posts.length === 1 ? 410 : 500);
    });
    for (let n = 0; n < 30; n += 1) await world.send(subscription, { target_url });
    await world.pass(5000);
    expect([world.disabled, world.healthWrites]).toEqual([[], []]);
    await world.send(subscription);
    await world.settle();
    expect(world.posts.at(-1)!.url).toBe(subscription.target_url);
    await world.end();
  });
});
