import {
  DEAD_LETTER,
  DELIVERIES,
  DELIVERY_LOG,
  LogUnavailableError,
  MAY_REPEAT_HEADER,
  retryTopic,
  type LogRecord,
} from '@milena/log';
import { answer, createWorld, slow, status, type World } from './world.ts';

/** Takes new events, but nothing that a worker appends. */
const notForEvents = (records: readonly LogRecord[]) => records[0]!.topic !== DELIVERIES;

describe('while the secret of a subscription can not be read', () => {
  it('its deliveries wait, however long, those of others go on, and the worker is well', async () => {
    const world = await createWorld({ maxAgeMs: 3_600_000 });
    const [sealed, other] = [world.subscribe({}, { secrets: null }), world.subscribe()];
    await world.send(sealed);
    await world.send(other);
    await world.pass(2 * 3_600_000);
    expect(world.posts.map(({ subscription_id }) => subscription_id)).toEqual([other.id]);
    expect(world.deadLetters()).toEqual([]);
    // Once, however often it comes back.
    expect(world.dispositions().filter(({ what }) => what === 'deferred')).toHaveLength(1);
    expect(world.service.health()).toEqual({ status: 'up', problems: [] });
    const told = world.logLines.filter(({ event }) => event === 'delivery.secret_unreadable');
    expect(told).toMatchObject([{ level: 'error', subscription_id: sealed.id }]);
    world.subscriptions.set(sealed.id, { ...world.subscriptions.get(sealed.id)!, secrets: [] });
    await world.pass(120_000);
    expect(world.posts.map(({ subscription_id }) => subscription_id)).toEqual([other.id, sealed.id]);
    await world.end();
  });
});

it('what had been put off before does not expire while the secret of its subscription can not be read', async () => {
  const world = await createWorld({ maxAgeMs: 3_600_000 });
  const sealed = world.subscribe({}, { secrets: null });
  await world.send(sealed, { deferrals: 1 });
  await world.pass(2 * 3_600_000);
  expect([world.posts, world.deadLetters()]).toEqual([[], []]);
  await world.end();
});

describe('while the subscriptions are away', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  it('nothing is decided about a delivery; it is delivered when they are back', async () => {
    const subscription = world.subscribe();
    world.directoryAway = () => true;
    await world.send(subscription);
    await world.pass(60_000);
    expect(world.posts).toEqual([]);
    expect(world.log.unacked()).toBe(1);
    expect(world.log.records).toHaveLength(1);
    expect(world.service.health()).toEqual({
      status: 'down',
      problems: ["the subscriptions can't be reached: no connection"],
    });
    world.directoryAway = () => false;
    await world.pass(5000);
    expect(world.attempts()).toMatchObject([{ outcome: 'success' }]);
    expect(world.log.unacked()).toBe(0);
    expect(world.service.health()).toEqual({ status: 'up', problems: [] });
  });

  it('those that are known go on', async () => {
    const away = world.subscribe();
    const known = world.subscribe();
    world.directoryAway = (id) => id === away.id;
    for (let n = 0; n < 100; n += 1) await world.send(away);
    await world.send(known);
    await world.settle();
    expect(world.posts.map((p) => p.subscription_id)).toEqual([known.id]);
  });

  it('a delivery whose turn has come goes by what was known a moment ago', async () => {
    const subscription = world.subscribe({ max_in_flight: 1 });
    world.scripts.set(subscription.id, slow(world.clock, 100));
    await world.send(subscription);
    await world.send(subscription);
    await world.settle();
    world.directoryAway = () => true;
    await world.pass(300);
    expect(world.attempts()).toHaveLength(2);
  });

  it('a stop hands back what waits for them', async () => {
    const subscription = world.subscribe();
    world.directoryAway = () => true;
    await world.send(subscription);
    await world.pass(1000);
    await world.service.stop();
    world.directoryAway = () => false;
    await world.restart();
    expect(world.attempts()).toHaveLength(1);
    expect(world.posts).toHaveLength(1);
  });
});

describe('while the log takes nothing', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  it.each([
    ['after a success', 200, {}],
    ['after a failure with retries left', 500, {}],
    ['after the last failure', 500, { attempt: 6 }],
    ['after 410', 410, {}],
  ])(
    '%s the POST is not repeated and nothing is acked; then one append has it all',
    async (_, code, changes) => {
      const subscription = world.subscribe();
      world.scripts.set(subscription.id, () => status(world.clock, code));
      await world.send(subscription, changes);
      const tried: string[][] = [];
      world.log.away = (records) => {
        tried.push(records.map((r) => `${r.topic} ${r.value.toString()}`));
        return true;
      };
      await world.pass(30_000);
      expect(world.posts).toHaveLength(1);
      expect(world.log.unacked()).toBe(1);
      expect(world.log.records).toHaveLength(1);
      expect(world.service.health().status).toBe('down');
      expect(tried.length).toBeGreaterThan(3);
      // The same records every time: the attempt keeps its id and the retry its due time.
      expect(new Set(tried.map((one) => one.join()))).toHaveProperty('size', 1);
      world.log.away = () => false;
      await world.pass(5000);
      const made = world.attempts();
      expect(made.filter((a) => a.attempt_number === made[0]!.attempt_number)).toHaveLength(1);
      const expected =
        code === 200 ? [] : [code === 500 && !('attempt' in changes) ? retryTopic('10s') : DEAD_LETTER];
      expect(world.log.records.slice(1, 3).map((r) => r.topic)).toEqual([DELIVERY_LOG, ...expected]);
      expect(world.log.records[0]!.acked).toBe(true);
      expect(world.service.health().status).toBe('up');
    },
  );

  it.each([
    ['that may be in it', true],
    ['that is surely not in it', false],
  ])('what it is given again, of an append %s, says so', async (_, maybeAppended) => {
    const subscription = world.subscribe();
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n === 0 ? 500 : 200));
    await world.send(subscription);
    let left = 3;
    world.log.away = () => {
      left -= 1;
      // Once it surely was not: that takes nothing back.
      if (left >= 0) throw new LogUnavailableError('no answer', { maybeAppended: maybeAppended && left > 0 });
      return false;
    };
    await world.pass(30_000);
    const doubtful = maybeAppended ? '1' : undefined;
    const [, log, retry, logOfLast] = world.log.records;
    expect([log, retry, logOfLast].map((r) => [r?.topic, r?.headers[MAY_REPEAT_HEADER]])).toEqual([
      [DELIVERY_LOG, doubtful],
      [retryTopic('10s'), doubtful],
      [DELIVERY_LOG, undefined],
    ]);
    expect(world.attempts().map((a) => a.may_repeat)).toEqual([false, maybeAppended]);
  });

  it('a cancellation and a deferral are not acked either', async () => {
    const deleted = world.subscribe();
    world.subscriptions.delete(deleted.id);
    const limited = world.subscribe({ rate_limit_per_s: 0.1 });
    await world.send(limited);
    await world.settle();
    world.log.away = notForEvents;
    await world.send(deleted);
    await world.send(limited);
    await world.pass(30_000);
    expect(world.log.unacked()).toBe(2);
    world.log.away = () => false;
    await world.pass(6000);
    expect(
      world
        .dispositions()
        .map((d) => d.what)
        .sort(),
    ).toEqual(['cancelled', 'deferred']);
    expect(
      world.log.records
        .slice(0, 4)
        .filter((r) => r.topic === DELIVERIES)
        .every((r) => r.acked),
    ).toBe(true);
  });

  it('that neither takes nor refuses counts as away too: no further attempt begins until it answers', async () => {
    const subscription = world.subscribe({ max_in_flight: 1 });
    await world.send(subscription);
    let answer: () => void = () => undefined;
    world.log.stalled = new Promise((resolve) => {
      answer = resolve;
    });
    await world.settle();
    await world.pass(4000);
    expect(world.service.health().status).toBe('down');
    const stalled = world.log.stalled;
    world.log.stalled = null;
    await world.send(subscription);
    world.log.stalled = stalled;
    await world.pass(4000);
    expect(world.posts).toHaveLength(1);
    world.log.stalled = null;
    answer();
    await world.pass(1000);
    expect(world.posts).toHaveLength(2);
    expect(world.attempts()).toHaveLength(2);
    expect(world.service.health().status).toBe('up');
  });

  it('one result that it never takes does not keep the others from it', async () => {
    const subscription = world.subscribe();
    const bad = world.subscribe();
    world.log.away = (records) => notForEvents(records) && records.some((r) => r.value.includes(bad.id));
    for (let n = 0; n < 20; n += 1) await world.send(n === 7 ? bad : subscription);
    await world.pass(60_000);
    expect(world.posts).toHaveLength(20);
    expect(world.attempts().map((one) => one.subscription_id)).toEqual(Array(19).fill(subscription.id));
    expect(world.log.unacked()).toBe(1);
  });

  it('no further attempt begins, because its result could not be kept', async () => {
    const subscription = world.subscribe();
    world.log.away = notForEvents;
    for (let n = 0; n < 51; n += 1) await world.send(subscription);
    await world.pass(10_000);
    const begun = world.posts.length;
    expect(begun).toBeLessThan(51);
    await world.pass(10_000);
    expect(world.posts).toHaveLength(begun);
    world.log.away = () => false;
    await world.pass(30_000);
    expect(world.posts).toHaveLength(51);
    expect(world.log.unacked()).toBe(0);
  });
});

describe('when our own code fails', () => {
  it('the record is never acked unhandled, tried again, and others go on', async () => {
    const world = await createWorld();
    const broken = world.subscribe();
    const fine = world.subscribe();
    world.scripts.set(broken.id, (_, n) => {
      if (n < 3) throw new TypeError('a bug');
      return answer(world.clock);
    });
    await world.send(broken);
    await world.send(fine);
    await world.settle();
    expect(world.attempts().map((a) => a.subscription_id)).toEqual([fine.id]);
    expect(world.log.unacked()).toBe(1);
    await world.pass(30_000);
    expect(world.attempts().map((a) => a.subscription_id)).toEqual([fine.id, broken.id]);
    expect(world.log.unacked()).toBe(0);
    expect(world.logLines.filter((line) => line['event'] === 'delivery.broken')).toHaveLength(3);
    await world.end();
  });
});
