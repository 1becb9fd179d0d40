import { createWorld, status, type World } from './world.ts';

describe('the health of a subscription', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  it('is written when it changes: failing, open, healthy again', async () => {
    const subscription = world.subscribe({ retry_delays: [] });
    const began = world.clock.now();
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n < 12 ? 500 : 200));
    for (let n = 0; n < 14; n += 1) {
      await world.send(subscription);
      await world.pass(600);
    }
    await world.pass(5 * 60_000);
    expect(world.healthWrites.map((w) => [w.health, w.failing_since])).toEqual([
      ['failing', began],
      ['open', began],
      ['healthy', null],
    ]);
  });

  it('is not written while an endpoint succeeds', async () => {
    const subscription = world.subscribe();
    for (let n = 0; n < 20; n += 1) await world.send(subscription);
    await world.pass(60_000);
    expect(world.healthWrites).toEqual([]);
  });

  it('of an endpoint that flaps is written at most every five seconds, and ends up right', async () => {
    const subscription = world.subscribe({ retry_delays: [] });
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n % 2 === 0 ? 404 : 200));
    for (let n = 0; n < 300; n += 1) {
      await world.send(subscription);
      await world.pass(100);
    }
    await world.pass(20_000);
    expect(world.healthWrites.length).toBeLessThan(9);
    expect(world.healthWrites.at(-1)!.health).toBe('healthy');
  });

  it('of many endpoints that go bad together is written one after the other', async () => {
    const sick = Array.from({ length: 20 }, () => world.subscribe());
    for (const { id } of sick) world.scripts.set(id, () => status(world.clock, 500));
    await Promise.all(sick.map((one) => world.send(one)));
    await world.pass(1000);
    expect(world.attempts()).toHaveLength(20);
    expect(new Set(world.healthWrites.map(({ id }) => id)).size).toBe(20);
    const times = world.healthWrites.map(({ at }) => at);
    expect(new Set(times).size).toBe(20);
    expect(times.at(-1)! - times[0]!).toBeLessThan(500);
  });

  it('of very many is written within a few seconds', async () => {
    const sick = Array.from({ length: 400 }, () => world.subscribe());
    for (const { id } of sick) world.scripts.set(id, () => status(world.clock, 500));
    await Promise.all(sick.map((one) => world.send(one)));
    await world.pass(5000);
    expect(new Set(world.healthWrites.map(({ id }) => id)).size).toBe(400);
    const times = world.healthWrites.map(({ at }) => at);
    expect(times.at(-1)! - times[0]!).toBeLessThan(2500);
  });

  it('that waits to be written is, when the worker stops', async () => {
    const sick = Array.from({ length: 20 }, () => world.subscribe());
    for (const { id } of sick) world.scripts.set(id, () => status(world.clock, 500));
    await Promise.all(sick.map((one) => world.send(one)));
    await world.settle();
    expect(world.healthWrites).toHaveLength(1);
    await world.service.stop();
    expect(new Set(world.healthWrites.map(({ id }) => id)).size).toBe(20);
  });

  it('is written later when the store is away, and no delivery waits for it', async () => {
    const subscription = world.subscribe();
    world.healthAway = true;
    world.scripts.set(subscription.id, () => status(world.clock, 404));
    await world.send(subscription);
    await world.settle();
    expect(world.attempts()).toHaveLength(1);
    expect(world.healthWrites).toEqual([]);
    world.healthAway = false;
    await world.pass(8000);
    expect(world.healthWrites).toMatchObject([{ health: 'failing' }]);
  });

  it('that was stored as failing becomes healthy with the first success of a new worker', async () => {
    const subscription = world.subscribe({ health: 'failing', failing_since: '2025-12-31T00:00:00.000Z' });
    await world.send(subscription);
    await world.settle();
    expect(world.healthWrites).toMatchObject([{ health: 'healthy', failing_since: null }]);
  });

  it('lost without a break for DISABLE_AFTER disables it with a reason; what is in motion is cancelled', async () => {
    const since = world.clock.now() - 5 * 86_400_000 + 5000;
    const subscription = world.subscribe({ health: 'failing', failing_since: new Date(since).toISOString() });
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    await world.send(subscription);
    await world.pass(4000);
    expect(world.disabled).toEqual([]);
    await world.pass(20_000);
    expect(world.disabled).toEqual([
      {
        id: subscription.id,
        reason: `Every attempt since ${new Date(since).toISOString()} failed. The last: The endpoint answered 500.`,
      },
    ]);
    await world.pass(40_000);
    expect(world.posts).toHaveLength(2);
    expect(world.dispositions()).toMatchObject([{ what: 'cancelled' }]);
  });

  it('is disabled after 410 even when the store was away at that moment', async () => {
    const subscription = world.subscribe();
    world.healthAway = true;
    world.scripts.set(subscription.id, () => status(world.clock, 410));
    await world.send(subscription);
    await world.pass(1000);
    expect(world.deadLetters()).toHaveLength(1);
    world.healthAway = false;
    await world.pass(8000);
    expect(world.disabled).toHaveLength(1);
  });

  it('is judged anew after somebody enabled it again', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n === 0 ? 410 : 404));
    await world.send(subscription);
    await world.pass(1000);
    expect(world.disabled).toHaveLength(1);
    const again = { ...subscription, version: 3 };
    world.subscriptions.set(subscription.id, { subscription: again, secrets: [], cancelled: new Set() });
    await world.send(subscription);
    await world.pass(8000);
    expect(world.posts).toHaveLength(2);
    expect(world.healthWrites).toMatchObject([{ health: 'failing' }]);
  });
});
