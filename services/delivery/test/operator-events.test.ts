import {
  encodeDelivery,
  OPERATOR_SUBSCRIPTION_ID,
  OPERATOR_TENANT,
  verifySignature,
  type Delivery,
} from '@milena/domain';
import { DELIVERIES } from '@milena/log';
import { answer, createWorld, status, type World } from './world.ts';

const SECRET = 'a secret of the operator';
const bodyOf = ({ payload }: Delivery) => JSON.parse(payload.toString()) as { type: string; data: object };

/** A world with an operator, whose endpoint is scripted like any other. */
async function createOperatorWorld(options: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = await createWorld({ tellOperator: true, ...options });
  world.subscribe(
    {
      id: OPERATOR_SUBSCRIPTION_ID,
      tenant_id: OPERATOR_TENANT,
      target_url: `https://ops.example.com/${OPERATOR_SUBSCRIPTION_ID}`,
      retry_delays: ['10s'],
    },
    { secrets: [{ value: SECRET, expires_at: null }] },
  );
  return world;
}

const toOperator = (world: World) =>
  world.sentTo(DELIVERIES).filter(({ subscription_id }) => subscription_id === OPERATOR_SUBSCRIPTION_ID);

describe('the operator', () => {
  it('is told of each delivery that was given up, signed and by an ordinary delivery', async () => {
    const world = await createOperatorWorld();
    const subscription = world.subscribe({ retry_delays: [] });
    world.scripts.set(subscription.id, () => status(world.clock, 503));
    const failed = await world.send(subscription);
    await world.pass(1000);
    const [event, ...more] = toOperator(world);
    expect(more).toEqual([]);
    expect(bodyOf(event!)).toMatchObject({
      type: 'delivery.dead_lettered',
      data: {
        delivery_id: failed.delivery_id,
        attempts: 1,
        reason: 'the subscription wants no retries; last: The endpoint answered 503.',
      },
    });
    const [post] = world.posts.filter(({ subscription_id }) => subscription_id === OPERATOR_SUBSCRIPTION_ID);
    expect(post!.headers['webhook-id']).toBe(event!.event_id);
    const nowMs = world.clock.now();
    const signed = { secrets: [SECRET], headers: post!.headers, payload: post!.body, nowMs };
    expect(verifySignature(signed)).toEqual({ ok: true });
    expect(world.attempts().at(-1)).toMatchObject({
      subscription_id: OPERATOR_SUBSCRIPTION_ID,
      event_type: 'delivery.dead_lettered',
      outcome: 'success',
    });
    await world.end();
  });

  it('is told of one that expired, and of one whose endpoint is gone, but of none that was cancelled', async () => {
    const world = await createOperatorWorld({ maxAgeMs: 60_000 });
    const expiring = world.subscribe();
    const gone = world.subscribe();
    const deleted = world.subscribe();
    world.scripts.set(gone.id, () => status(world.clock, 410));
    world.subscriptions.delete(deleted.id);
    const old = { accepted_at: world.clock.now() - 61_000, deferrals: 1 };
    await world.send(expiring, old);
    await world.send(gone);
    await world.send(deleted);
    await world.pass(1000);
    const told = toOperator(world).map((event) => bodyOf(event).data);
    expect(told).toHaveLength(2);
    expect(told).toContainEqual(expect.objectContaining({ subscription_id: expiring.id, attempts: 0 }));
    expect(told).toContainEqual(expect.objectContaining({ subscription_id: gone.id, attempts: 1 }));
    await world.end();
  });

  it('whose own endpoint is down makes no event by that: retried, given up, and that is all', async () => {
    const world = await createOperatorWorld();
    const subscription = world.subscribe({ retry_delays: [] });
    for (const id of [subscription.id, OPERATOR_SUBSCRIPTION_ID])
      world.scripts.set(id, () => status(world.clock, 503));
    await world.send(subscription);
    await world.pass(60_000);
    expect(toOperator(world)).toHaveLength(1);
    const own = world.attempts().filter((one) => one.subscription_id === OPERATOR_SUBSCRIPTION_ID);
    expect(own.map(({ outcome }) => outcome)).toEqual(['failed_attempt', 'failure']);
    expect(world.deadLetters().map(({ delivery }) => delivery.subscription_id)).toEqual([
      subscription.id,
      OPERATOR_SUBSCRIPTION_ID,
    ]);
    expect(world.log.unacked()).toBe(0);
    await world.end();
  });

  it('gets the same webhook-id again when a worker died after the append and the delivery is given up once more', async () => {
    const world = await createOperatorWorld();
    const subscription = world.subscribe({ retry_delays: [] });
    world.scripts.set(subscription.id, () => status(world.clock, 503));
    const failed = await world.send(subscription);
    await world.pass(1000);
    await world.log.append([{ topic: DELIVERIES, ...encodeDelivery(failed) }]);
    await world.pass(5000);
    const events = toOperator(world);
    expect(events).toHaveLength(2);
    expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(1);
    expect(new Set(events.map(({ delivery_id }) => delivery_id)).size).toBe(2);
    await world.end();
  });

  it('is told by the append that makes the dead letter: neither is without the other', async () => {
    const world = await createOperatorWorld();
    const subscription = world.subscribe({ retry_delays: [] });
    world.scripts.set(subscription.id, () => status(world.clock, 503));
    let refusals = 3;
    world.log.away = (records) => records.length === 3 && (refusals -= 1) >= 0;
    await world.send(subscription);
    await world.settle();
    expect([toOperator(world).length, world.deadLetters().length]).toEqual([0, 0]);
    await world.pass(5000);
    expect([toOperator(world).length, world.deadLetters().length]).toEqual([1, 1]);
    expect(world.posts.filter(({ subscription_id }) => subscription_id === subscription.id)).toHaveLength(1);
    await world.end();
  });

  it('hears nothing of what succeeds or is tried again', async () => {
    const world = await createOperatorWorld();
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, (_, n) => (n === 0 ? status(world.clock, 500) : answer(world.clock)));
    await world.send(subscription);
    await world.pass(20_000);
    expect(world.posts).toHaveLength(2);
    expect(toOperator(world)).toEqual([]);
    await world.end();
  });
});

it('where no operator is configured a dead letter is all there is', async () => {
  const world = await createWorld();
  const subscription = world.subscribe({ retry_delays: [] });
  world.scripts.set(subscription.id, () => status(world.clock, 503));
  await world.send(subscription);
  await world.pass(1000);
  expect(world.deadLetters()).toHaveLength(1);
  expect(world.sentTo(DELIVERIES)).toHaveLength(1);
  await world.end();
});
