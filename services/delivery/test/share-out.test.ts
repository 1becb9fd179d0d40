import { DELIVERIES, DELIVERY_LOG, type LogRecord } from '@milena/log';
import { createWorld, slow, status } from './world.ts';

/** Takes new events, but nothing that a worker appends. */
const notForEvents = (records: readonly LogRecord[]) => records[0]!.topic !== DELIVERIES;

describe('while partitions are shared out anew', () => {
  it('nothing is begun, what is under way comes to its end, and what stays goes on afterwards', async () => {
    const world = await createWorld();
    const [busy, idle] = [world.subscribe({ max_in_flight: 1 }), world.subscribe()];
    for (const { id } of [busy, idle]) world.scripts.set(id, slow(world.clock, 100));
    for (let n = 0; n < 3; n += 1) await world.send(busy);
    await world.settle();
    world.log.suspend(true);
    await world.send(idle);
    await world.pass(500);
    expect(world.attempts()).toMatchObject([{ subscription_id: busy.id, outcome: 'success' }]);
    expect(world.posts).toHaveLength(1);
    world.log.suspend(false);
    await world.pass(500);
    expect(world.attempts()).toHaveLength(4);
    expect(world.log.unacked()).toBe(0);
    await world.end();
  });

  it('nothing is begun either when the log comes back meanwhile', async () => {
    const world = await createWorld();
    const subscription = world.subscribe();
    world.log.away = notForEvents;
    await world.send(subscription);
    await world.settle();
    world.log.suspend(true);
    world.log.away = () => false;
    await world.pass(5000);
    await world.send(subscription);
    await world.pass(5000);
    expect(world.posts).toHaveLength(1);
    world.log.suspend(false);
    await world.pass(500);
    expect(world.posts).toHaveLength(2);
    await world.end();
  });
});

describe('when partitions are taken away', () => {
  it('nothing that waits is sent any more', async () => {
    const world = await createWorld();
    const subscription = world.subscribe({ max_in_flight: 1 });
    world.scripts.set(subscription.id, slow(world.clock, 100));
    for (let n = 0; n < 3; n += 1) await world.send(subscription);
    await world.settle();
    world.log.revoke();
    await world.pass(5000);
    expect(world.posts).toHaveLength(1);
    await world.end();
  });

  it('an attempt under way is logged, but what follows is left to the new owner', async () => {
    const world = await createWorld();
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, async (posted, n) => {
      await slow(world.clock, 100)(posted, n);
      return status(world.clock, 500);
    });
    const delivery = await world.send(subscription);
    await world.settle();
    world.log.revoke();
    await world.pass(1000);
    expect(world.attempts()).toMatchObject([
      { delivery_id: delivery.delivery_id, outcome: 'failed_attempt' },
    ]);
    expect(world.log.records.map((r) => r.topic)).toEqual([DELIVERIES, DELIVERY_LOG]);
    expect(world.log.unacked()).toBe(1);
    await world.end();
  });
});
