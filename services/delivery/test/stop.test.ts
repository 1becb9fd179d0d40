import { retryTopic } from '@milena/log';
import { answer, createWorld, slow } from './world.ts';

describe('a stop', () => {
  it('finishes what is under way, hands back the rest, and so makes no duplicate and loses nothing', async () => {
    const world = await createWorld();
    const subscription = world.subscribe({ max_in_flight: 4 });
    world.scripts.set(subscription.id, slow(world.clock, 300));
    const sent = [];
    for (let n = 0; n < 12; n += 1) sent.push(await world.send(subscription));
    await world.pass(350);
    const stopped = world.service.stop();
    const underWay = world.posts.length;
    await world.send(subscription);
    await world.pass(10_000);
    await stopped;
    expect(world.posts).toHaveLength(underWay);
    expect(world.attempts()).toHaveLength(underWay);
    await world.restart();
    await world.pass(60_000);
    expect(world.posts).toHaveLength(13);
    expect(new Set(world.posts.map((p) => p.delivery_id)).size).toBe(13);
    expect(world.log.unacked()).toBe(0);
    await world.end();
  });

  it('does not wait longer than it may, and leaves what did not end to the next worker', async () => {
    const world = await createWorld({ drainTimeoutMs: 5000 });
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, (posted, n) =>
      n === 0 ? new Promise(() => undefined) : slow(world.clock, 10)(posted, n),
    );
    await world.send(subscription);
    await world.settle();
    let done = false;
    const stopped = world.service.stop().then(() => {
      done = true;
    });
    await world.pass(4999);
    expect(done).toBe(false);
    await world.pass(1);
    await stopped;
    expect(world.log.unacked()).toBe(1);
    await world.restart();
    await world.pass(100);
    // The endpoint saw two requests, and the log says that there may have been one more than it lists.
    expect(world.posts).toHaveLength(2);
    expect(world.attempts()).toMatchObject([{ outcome: 'success', attempt_number: 1, may_repeat: true }]);
    await world.end();
  });

  it('makes nothing expire that waited for its first attempt, however long the next start takes', async () => {
    const world = await createWorld({ maxAgeMs: 60_000 });
    const subscription = world.subscribe({ max_in_flight: 1 });
    world.scripts.set(subscription.id, slow(world.clock, 300));
    for (let n = 0; n < 3; n += 1) await world.send(subscription);
    await world.settle();
    const stopped = world.service.stop();
    await world.pass(1000);
    await stopped;
    expect(world.posts).toHaveLength(1);
    await world.pass(3_600_000);
    await world.restart();
    await world.pass(60_000);
    expect(world.deadLetters()).toEqual([]);
    expect(world.attempts()).toHaveLength(3);
    await world.end();
  });

  it('leaves a doubt about what did not end, which stays while the delivery is put off', async () => {
    const world = await createWorld({ drainTimeoutMs: 1000 });
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, () => new Promise(() => undefined));
    await world.send(subscription);
    await world.send(subscription);
    await world.settle();
    const stopped = world.service.stop();
    await world.pass(1000);
    await stopped;
    world.subscriptions.get(subscription.id)!.subscription.rate_limit_per_s = 0.1;
    world.scripts.set(subscription.id, () => answer(world.clock));
    await world.restart();
    await world.pass(30_000);
    expect(world.sentTo(retryTopic('10s')).map((put) => put.may_repeat)).toContain(true);
    expect(world.attempts().map((attempt) => attempt.may_repeat)).toEqual([true, true]);
    await world.end();
  });

  it('is over at once with nothing under way, and may be asked for twice', async () => {
    const world = await createWorld();
    await Promise.all([world.service.stop(), world.service.stop()]);
    expect(world.clock.nextTimerAt()).toBeNull();
    expect(world.service.health()).toEqual({ status: 'down', problems: ['the worker is not running'] });
  });
});
