import type { Subscription } from '@milena/domain';
import { createWorld, hang, slow, status, type Posted, type World } from './world.ts';

const MINUTE_MS = 60_000;
const DISABLE_AFTER_MS = 60 * MINUTE_MS;
/** With the delays of the test world. */
const LONGEST_BREAK_MS = 32 * MINUTE_MS;

describe('a spell of failures', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld({ disableAfterMs: DISABLE_AFTER_MS });
  });
  afterEach(() => world.end());

  const failing = (changes: Partial<Subscription> = {}) => {
    const subscription = world.subscribe({ retry_delays: [], ...changes });
    world.scripts.set(subscription.id, () => status(world.clock, 404));
    return subscription;
  };
  const attempt = async (subscription: Subscription) => {
    await world.send(subscription);
    await world.pass(1000);
  };
  const iso = (ms: number) => new Date(ms).toISOString();
  const edit = (id: string, changes: Partial<Subscription>) => {
    const live = world.subscriptions.get(id)!;
    world.subscriptions.set(id, { ...live, subscription: { ...live.subscription, ...changes } });
  };

  it('that another worker saw end is over here as well', async () => {
    const subscription = failing();
    await attempt(subscription);
    await world.health.setHealth(subscription.id, 'healthy', null);
    await world.pass(DISABLE_AFTER_MS);
    const again = world.clock.now();
    await attempt(subscription);
    expect(world.disabled).toEqual([]);
    expect(world.healthWrites.at(-1)).toMatchObject({ health: 'failing', failing_since: again });
  });

  it('is forgotten once nothing was seen of it for two minutes', async () => {
    const subscription = failing();
    await attempt(subscription);
    await world.health.setHealth(subscription.id, 'healthy', null);
    await world.pass(2 * MINUTE_MS);
    world.scripts.delete(subscription.id);
    await attempt(subscription);
    await world.pass(10_000);
    expect(world.posts).toHaveLength(2);
    expect(world.healthWrites).toMatchObject([{ health: 'failing' }, { health: 'healthy' }]);
  });

  it('that another worker saw end while it is remembered here disables nothing', async () => {
    await world.end();
    world = await createWorld({ disableAfterMs: 20_000 });
    const subscription = failing();
    await attempt(subscription);
    await world.pass(10_000);
    await world.health.setHealth(subscription.id, 'healthy', null);
    await world.pass(15_000);
    await attempt(subscription);
    expect(world.disabled).toEqual([]);
    world.scripts.delete(subscription.id);
    await attempt(subscription);
    await world.pass(10_000);
    expect(world.healthWrites).toMatchObject([
      { failing_since: world.posts[0]!.at },
      { health: 'healthy' },
      { failing_since: world.posts[1]!.at },
      { health: 'healthy' },
    ]);
  });

  it('is a new one after a time without attempts, whoever made the last', async () => {
    const subscription = failing();
    await attempt(subscription);
    await world.pass(DISABLE_AFTER_MS);
    await world.end();
    await world.restart();
    const began = world.clock.now();
    await attempt(subscription);
    expect(world.disabled).toEqual([]);
    while (world.clock.now() < began + DISABLE_AFTER_MS) {
      await world.pass(LONGEST_BREAK_MS - 2 * MINUTE_MS);
      await attempt(subscription);
    }
    expect(world.disabled).toMatchObject([
      { reason: `Every attempt since ${iso(began)} failed. The last: The endpoint answered 404.` },
    ]);
  });

  it('begins anew after a break in its midst, too', async () => {
    const subscription = failing();
    await attempt(subscription);
    await world.pass(LONGEST_BREAK_MS);
    const began = world.clock.now();
    await attempt(subscription);
    await world.pass(DISABLE_AFTER_MS - LONGEST_BREAK_MS);
    await attempt(subscription);
    expect(world.disabled).toEqual([]);
    expect(world.healthWrites.at(-1)).toMatchObject({ failing_since: began });
  });

  it('of an endpoint that is attempted all the time is written now and then, so that it is no break', async () => {
    const subscription = failing();
    const began = world.clock.now();
    while (world.clock.now() < began + DISABLE_AFTER_MS) {
      expect(world.disabled).toEqual([]);
      await attempt(subscription);
      await world.pass(MINUTE_MS);
    }
    await attempt(subscription);
    expect(world.disabled).toHaveLength(1);
    expect(world.healthWrites.length).toBeLessThan(30);
  });

  it('that ended and began anew between two writes is stored with its own beginning', async () => {
    const subscription = failing();
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n === 1 ? 200 : 404));
    for (let n = 0; n < 3; n += 1) await attempt(subscription);
    await world.pass(10_000);
    expect(world.healthWrites).toMatchObject([
      { health: 'failing', failing_since: world.posts[0]!.at },
      { health: 'failing', failing_since: world.posts[2]!.at },
    ]);
  });

  it('of the endpoint before counts for nothing once the target was changed', async () => {
    const since = iso(world.clock.now() - 2 * DISABLE_AFTER_MS);
    const subscription = failing({ health: 'failing', failing_since: since });
    const { id } = subscription;
    world.scripts.set(id, (posted) => hang(world.clock)(posted, 0));
    await world.send(subscription);
    await world.pass(1000);
    const target_url = `https://moved.example.com/${id}`;
    edit(id, { version: 2, target_url, health: 'healthy', failing_since: null });
    await world.pass(20_000);
    expect(world.posts).toHaveLength(1);
    expect([world.disabled, world.healthWrites]).toEqual([[], []]);
  });
});

describe('an attempt that ends after an edit', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  const edit = (subscription: Subscription, changes: Partial<Subscription>) => {
    const edited = { ...subscription, version: 2, ...changes };
    world.subscriptions.set(subscription.id, { subscription: edited, secrets: [], cancelled: new Set() });
    return edited;
  };
  const goneLate = async (posted: Posted) => {
    await slow(world.clock, 5000)(posted, 0);
    return status(world.clock, 410);
  };

  it('with 410 ends its delivery, and does not disable the new target', async () => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, goneLate);
    await world.send(subscription);
    await world.pass(1000);
    edit(subscription, { target_url: `https://moved.example.com/${subscription.id}` });
    await world.pass(20_000);
    expect(world.deadLetters()).toHaveLength(1);
    expect(world.disabled).toEqual([]);
    expect(world.subscriptions.get(subscription.id)!.subscription.enabled).toBe(true);
  });

  it('says nothing of a newer version that was attempted already', async () => {
    const subscription = world.subscribe({ retry_delays: [] });
    world.scripts.set(subscription.id, (posted, n) =>
      n === 0 ? goneLate(posted) : status(world.clock, 404),
    );
    await world.send(subscription);
    await world.pass(1000);
    await world.send(edit(subscription, { headers: { authorization: 'of the new version' } }));
    await world.pass(30_000);
    expect(world.deadLetters()).toHaveLength(2);
    expect([world.disabled, world.healthWrites]).toMatchObject([[], [{ health: 'failing' }]]);
  });
});
