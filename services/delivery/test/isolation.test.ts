import { retryTopic } from '@milena/log';
import { answer, createWorld, hang, slow, status, type World } from './world.ts';

/** Posts under way at each moment a post began, by what `of` picks. */
function watchInFlight(world: World, of: (subscriptionId: string) => boolean) {
  const seen = { now: 0, most: 0 };
  for (const [id, script] of world.scripts) {
    if (!of(id)) continue;
    world.scripts.set(id, async (posted, n) => {
      seen.now += 1;
      seen.most = Math.max(seen.most, seen.now);
      try {
        return await script(posted, n);
      } finally {
        seen.now -= 1;
      }
    });
  }
  return seen;
}

describe('lanes', () => {
  let world: World;
  afterEach(() => world.end());

  it('a hanging endpoint leaves others untouched', async () => {
    world = await createWorld();
    const sick = world.subscribe();
    const well = world.subscribe();
    world.scripts.set(sick.id, hang(world.clock));
    world.scripts.set(well.id, slow(world.clock, 20));
    for (let n = 0; n < 500; n += 1) await world.send(sick);
    for (let second = 0; second < 30; second += 1) {
      await world.send(sick);
      await world.send(well);
      await world.pass(1000);
    }
    const waits = world.posts
      .filter((p) => p.subscription_id === well.id)
      .map((p, i) => p.at - (world.posts[0]!.at + i * 1000));
    expect(waits).toEqual(Array(30).fill(0));
  });

  it('no more than max_in_flight attempts are made at once, and all get their turn', async () => {
    world = await createWorld();
    const subscription = world.subscribe({ max_in_flight: 3 });
    world.scripts.set(subscription.id, slow(world.clock, 50));
    const seen = watchInFlight(world, () => true);
    for (let n = 0; n < 30; n += 1) await world.send(subscription);
    await world.pass(2000);
    expect(seen.most).toBe(3);
    expect(world.attempts()).toHaveLength(30);
    expect(world.sentTo(retryTopic('10s'))).toEqual([]);
  });

  it('the worker makes no more attempts at once than its concurrency', async () => {
    world = await createWorld({ concurrency: 8 });
    const all = Array.from({ length: 20 }, () => world.subscribe());
    for (const { id } of all) world.scripts.set(id, slow(world.clock, 50));
    for (const one of all) await world.send(one);
    await world.pass(1000);
    const seen = watchInFlight(world, () => true);
    for (let n = 0; n < 3; n += 1) for (const one of all) await world.send(one);
    await world.pass(3000);
    expect(seen.most).toBe(8);
    expect(world.attempts()).toHaveLength(80);
  });

  it('lanes that time out hold at most a quarter of the worker together, once that is known', async () => {
    world = await createWorld({ concurrency: 40 });
    const sick = Array.from({ length: 8 }, () => world.subscribe({ timeout_ms: 1000 }));
    for (const { id } of sick) world.scripts.set(id, hang(world.clock));
    const seen = watchInFlight(world, () => true);
    for (let round = 0; round < 20; round += 1) {
      for (const one of sick) for (let n = 0; n < 3; n += 1) await world.send(one);
      await world.pass(1000);
    }
    expect(seen.most).toBe(10);
    const well = world.subscribe();
    await world.send(well);
    await world.settle();
    expect(world.posts.at(-1)!.subscription_id).toBe(well.id);
  });

  it('of what endpoints that hang from the start have waiting, little stays in the worker', async () => {
    world = await createWorld({ concurrency: 256 });
    const sick = Array.from({ length: 10 }, () => world.subscribe());
    for (const { id } of sick) world.scripts.set(id, hang(world.clock));
    const waiting = async (): Promise<number> => (await world.metrics.workerQueue.get()).values[0]!.value;
    const send = async (): Promise<void> => {
      for (let n = 0; n < 15; n += 1) for (const one of sick) await world.send(one);
    };
    // Between two looks at the lanes, which come every two seconds.
    await world.pass(1500);
    await send();
    await world.pass(1000);
    // Two attempts each, and the rest waits for the first answer, which may come any moment.
    expect(await waiting()).toBe(130);
    await world.pass(4000);
    // Nobody expects one any more.
    expect(await waiting()).toBeLessThanOrEqual(20);
    await send();
    await world.pass(1900);
    expect(await waiting()).toBeLessThanOrEqual(20);
    expect(world.posts).toHaveLength(20);
  });

  it('what an endpoint that hangs from the start can not take comes back for it in turn, and ever more rarely', async () => {
    world = await createWorld();
    const sick = world.subscribe();
    world.scripts.set(sick.id, hang(world.clock));
    const putOff = () => world.sentTo(retryTopic('10s'));
    // Between two looks at the lanes, which come every two seconds.
    await world.pass(1500);
    for (let n = 0; n < 20; n += 1) await world.send(sick);
    await world.pass(2600);
    const dues = putOff().map((d) => d.due_at! - world.clock.now());
    expect(dues).toHaveLength(17);
    // The first of them as soon as any, and no two together.
    expect(Math.min(...dues)).toBeLessThanOrEqual(1000);
    expect(Math.max(...dues)).toBeLessThan(5000);
    expect(new Set(dues).size).toBe(dues.length);
    // Five a second until its first attempts time out: what comes anew is put off, and hardly what was put off before.
    const before = putOff().length;
    for (let n = 0; n < 35; n += 1) {
      await world.send(sick);
      await world.pass(200);
    }
    expect(world.posts).toHaveLength(2);
    expect(putOff().length - before).toBeGreaterThanOrEqual(35);
    expect(putOff().length - before).toBeLessThan(35 + 17);
  });

  it('an endpoint whose first answers take three seconds gets a burst soon after them', async () => {
    world = await createWorld();
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, slow(world.clock, 3000));
    await world.pass(1500);
    for (let n = 0; n < 40; n += 1) await world.send(subscription);
    await world.pass(15_000);
    expect(world.attempts()).toHaveLength(40);
  });

  it('an endpoint that begins to hang counts as unhealthy before its first timeout', async () => {
    world = await createWorld();
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, (posted, n) =>
      n < 5 ? answer(world.clock) : hang(world.clock)(posted, n),
    );
    for (let n = 0; n < 5; n += 1) {
      await world.send(subscription);
      await world.settle();
    }
    await world.send(subscription);
    await world.pass(5000);
    await world.send(subscription);
    await world.pass(11_000);
    const states = world.attempts().map((a) => a.lane_state);
    expect(states.slice(0, 7)).toEqual([...Array(6).fill('healthy'), 'unhealthy']);
  });

  it('what a slow endpoint can not take within about a second is put off, spread over the time it needs', async () => {
    world = await createWorld();
    const subscription = world.subscribe({ max_in_flight: 2 });
    world.scripts.set(subscription.id, slow(world.clock, 200));
    await world.send(subscription);
    await world.pass(200);
    for (let n = 0; n < 60; n += 1) await world.send(subscription);
    await world.settle();
    // Ten a second: two under way and ten waiting are taken, the rest comes back in the order of its turns.
    const putOff = world.sentTo(retryTopic('10s'));
    expect(putOff).toHaveLength(48);
    const dues = putOff.map((d) => d.due_at! - world.clock.now());
    expect(Math.min(...dues)).toBeGreaterThanOrEqual(1000);
    expect(Math.max(...dues)).toBeGreaterThan(5000);
    expect(Math.max(...dues)).toBeLessThan(7000);
    expect(world.dispositions().filter((d) => d.what === 'deferred')).toHaveLength(48);
    await world.pass(15_000);
    expect(world.attempts()).toHaveLength(61);
    expect(world.attempts().every((a) => a.attempt_number === 1)).toBe(true);
    expect(world.log.unacked()).toBe(0);
  });

  it('what endpoints that go bad together had waiting is put off in lumps, and all of it', async () => {
    world = await createWorld();
    const sick = Array.from({ length: 12 }, () => world.subscribe({ max_in_flight: 2 }));
    for (const { id } of sick)
      world.scripts.set(id, async (posted, n) =>
        n < 2 ? slow(world.clock, 20)(posted, n) : status(world.clock, 500),
      );
    for (const one of sick) for (let n = 0; n < 60; n += 1) await world.send(one);
    const putOff = () => world.dispositions().filter((d) => d.what === 'deferred').length;
    const grown: number[] = [];
    for (let before = putOff(), n = 0; n < 60; n += 1) {
      await world.pass(10);
      grown.push(putOff() - before);
      before = putOff();
    }
    expect(Math.max(...grown)).toBeLessThanOrEqual(16);
    expect(putOff() + world.attempts().length).toBe(720);
    // All but the two that each answered.
    expect(world.sentTo(retryTopic('10s'))).toHaveLength(696);
  });

  it('endpoints that time out are attempted one after the other, also when nothing of theirs waits', async () => {
    world = await createWorld();
    const sick = Array.from({ length: 10 }, () => world.subscribe());
    for (const { id } of sick) world.scripts.set(id, hang(world.clock));
    for (const one of sick) await world.send(one);
    await world.pass(20_000);
    const before = world.posts.length;
    for (const one of sick) await world.send(one);
    await world.pass(1000);
    const starts = world.posts.slice(before).map((p) => p.at);
    // The first ones' retries come due at the same time.
    expect(starts).toHaveLength(20);
    for (const [n, at] of starts.slice(1).entries()) expect(at - starts[n]!).toBeGreaterThanOrEqual(10);
  });

  it('a rate limit holds over any second, and what is beyond it is put off without using up attempts', async () => {
    world = await createWorld();
    const subscription = world.subscribe({ rate_limit_per_s: 10 });
    for (let n = 0; n < 100; n += 1) await world.send(subscription);
    await world.pass(40_000);
    expect(world.attempts()).toHaveLength(100);
    expect(world.attempts().every((a) => a.attempt_number === 1)).toBe(true);
    const times = world.posts.map((p) => p.at);
    // Ten and the burst of one that had been saved up.
    for (const from of times)
      expect(times.filter((at) => at >= from && at < from + 1000).length).toBeLessThan(12);
    expect(world.log.unacked()).toBe(0);
    expect(times.at(-1)! - times[0]!).toBeLessThan(20_000);
  });

  it('a rate limit below one a second is kept', async () => {
    world = await createWorld();
    const subscription = world.subscribe({ rate_limit_per_s: 0.1 });
    for (let n = 0; n < 4; n += 1) await world.send(subscription);
    await world.pass(5 * 60_000);
    const times = world.posts.map((p) => p.at);
    expect(times).toHaveLength(4);
    for (const [i, at] of times.slice(1).entries()) expect(at - times[i]!).toBeGreaterThanOrEqual(10_000);
  });

  it('takes turns between subscriptions when the worker is full', async () => {
    world = await createWorld({ concurrency: 4 });
    const greedy = world.subscribe();
    const modest = world.subscribe();
    for (const { id } of [greedy, modest]) world.scripts.set(id, slow(world.clock, 10));
    await Promise.all([greedy, modest].map((one) => world.send(one)));
    await world.pass(10);
    for (let n = 0; n < 200; n += 1) await world.send(greedy);
    for (let n = 0; n < 10; n += 1) await world.send(modest);
    const before = world.posts.length;
    await world.pass(60);
    const share = world.posts.slice(before).filter((p) => p.subscription_id === modest.id);
    expect(share.length).toBe(10);
  });

  it('a lane that rests for ten minutes is forgotten, unless its breaker is open', async () => {
    world = await createWorld();
    const quiet = world.subscribe();
    const sick = world.subscribe({ retry_delays: [] });
    world.scripts.set(sick.id, () => status(world.clock, 500));
    await world.send(quiet);
    for (let n = 0; n < 10; n += 1) await world.send(sick);
    const lanes = async () => {
      const { values } = await world.metrics.lanes.get();
      return values.reduce((sum, { value }) => sum + value, 0);
    };
    await world.pass(5 * 60_000);
    expect(await lanes()).toBe(2);
    await world.pass(6 * 60_000);
    expect(await lanes()).toBe(1);
  });
});
