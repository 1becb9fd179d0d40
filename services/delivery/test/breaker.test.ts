import { createBreakers, speaksAgainstEndpoint } from '../src/breakers.ts';
import { createTestClock } from '@milena/runtime';
import { retryTopic } from '@milena/log';
import { answer, createWorld, status, type World } from './world.ts';

const MINUTE = 60_000;

describe('an open breaker', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  /** A subscription whose breaker has just been opened by ten failed deliveries. */
  async function opened() {
    const subscription = world.subscribe({ retry_delays: [] });
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    for (let n = 0; n < 10; n += 1) {
      await world.send(subscription);
      await world.settle();
    }
    expect(world.posts).toHaveLength(10);
    return subscription;
  }

  it('puts deliveries off without a POST and without using up an attempt', async () => {
    const subscription = await opened();
    const delivery = await world.send(subscription);
    await world.settle();
    expect(world.posts).toHaveLength(10);
    expect(world.sentTo(retryTopic('10s'))).toMatchObject([
      { delivery_id: delivery.delivery_id, attempt: 1, deferrals: 1, due_at: world.clock.now() + 10_500 },
    ]);
    expect(world.dispositions()).toMatchObject([
      { delivery_id: delivery.delivery_id, what: 'deferred', next_attempt_at: world.clock.now() + 10_500 },
    ]);
    expect(world.log.unacked()).toBe(1);
  });

  it('lets one probe through after ten seconds, puts the others off, and closes when it succeeds', async () => {
    const subscription = await opened();
    const waiting = [];
    for (let n = 0; n < 5; n += 1) waiting.push(await world.send(subscription));
    let release: () => void = () => undefined;
    world.scripts.set(
      subscription.id,
      () =>
        new Promise((resolve) => {
          release = () => {
            resolve(answer(world.clock));
          };
        }),
    );
    await world.pass(10_500);
    expect(world.posts).toHaveLength(11);
    world.scripts.set(subscription.id, () => answer(world.clock));
    release();
    await world.settle();
    expect(world.attempts().at(-1)).toMatchObject({ outcome: 'success', breaker_state: 'half_open' });
    await world.pass(31_500);
    expect(world.posts).toHaveLength(15);
    const delivered = world.attempts().filter((a) => a.outcome === 'success');
    expect(new Set(delivered.map((a) => a.delivery_id))).toEqual(new Set(waiting.map((d) => d.delivery_id)));
    expect(delivered.every((a) => a.attempt_number === 1)).toBe(true);
    // The first deferral of each delivery is told, the second says nothing new.
    expect(world.dispositions()).toHaveLength(5);
    expect(world.log.unacked()).toBe(0);
  });

  it('stays open when the probe fails, and probes again with nothing but deferred deliveries coming', async () => {
    const subscription = await opened();
    world.scripts.set(subscription.id, (_, n) => status(world.clock, n < 13 ? 503 : 200));
    const patient = { ...subscription, retry_delays: null, version: 2 };
    world.subscriptions.set(subscription.id, {
      subscription: patient,
      secrets: [],
      cancelled: new Set(),
    });
    const waiting = [];
    for (let n = 0; n < 4; n += 1) waiting.push(await world.send(subscription));
    await world.pass(30 * MINUTE);
    const delivered = world.attempts().filter((a) => a.outcome === 'success');
    expect(new Set(delivered.map((a) => a.delivery_id))).toEqual(new Set(waiting.map((d) => d.delivery_id)));
    // Ten that opened it, three probes that failed, four deliveries.
    expect(world.posts).toHaveLength(17);
    expect(world.log.unacked()).toBe(0);
  });

  it('puts a delivery off for 10 s, 30 s, then a minute at a time', async () => {
    const subscription = await opened();
    const watched = await world.send(subscription);
    await world.pass(10_000);
    // A probe that never ends keeps the breaker half-open, so that everything else is put off again and again.
    world.scripts.set(subscription.id, () => new Promise(() => undefined));
    await world.send(subscription);
    await world.pass(5 * MINUTE);
    const puts = ['10s', '30s', '1m'].flatMap((delay) =>
      world.sentTo(retryTopic(delay)).filter((d) => d.delivery_id === watched.delivery_id),
    );
    const waits = puts.map((d, i) => d.due_at! - (puts[i - 1]?.due_at ?? watched.accepted_at));
    expect(waits.slice(0, 4)).toEqual([10_500, 31_500, 63_000, 63_000]);
    expect(puts.map((d) => d.deferrals)).toEqual(puts.map((_, i) => i + 1));
    expect(world.attempts().some((a) => a.delivery_id === watched.delivery_id)).toBe(false);
  });

  it('ends a delivery that became too old as expired, with a dead letter and without a POST', async () => {
    await world.service.stop();
    await world.restart({ maxAgeMs: 5 * MINUTE });
    const subscription = world.subscribe({ retry_delays: [] });
    world.scripts.set(subscription.id, () => status(world.clock, 500));
    for (let n = 0; n < 12; n += 1) await world.send(subscription);
    await world.settle();
    const made = world.posts.length;
    const old = await world.send(subscription, { accepted_at: world.clock.now() - 5 * MINUTE });
    await world.pass(15_000);
    expect(world.posts.slice(made).map((p) => p.delivery_id)).not.toContain(old.delivery_id);
    expect(world.dispositions().filter((d) => d.delivery_id === old.delivery_id)).toMatchObject([
      { what: 'deferred' },
      { what: 'expired' },
    ]);
    const letters = world.deadLetters().filter((l) => l.delivery.delivery_id === old.delivery_id);
    expect(letters).toMatchObject([{ facts: { attempts: 0 } }]);
  });
});

it('a delivery that was never put off is attempted whatever its age', async () => {
  const world = await createWorld();
  await world.send(world.subscribe(), { accepted_at: world.clock.now() - 80 * 3_600_000 });
  await world.settle();
  expect(world.attempts()).toMatchObject([{ outcome: 'success' }]);
  await world.end();
});

describe('what speaks against an endpoint', () => {
  const verdict = (http_status: number | null, error_kind: 'http_status' | 'timeout' | 'reset') =>
    speaksAgainstEndpoint({ ok: false, http_status, error_kind });

  it('is every failure but a plain refusal', () => {
    expect([400, 401, 404, 410, 422].map((code) => verdict(code, 'http_status'))).toEqual(
      Array(5).fill(false),
    );
    expect([408, 425, 429, 302, 500, 503].map((code) => verdict(code, 'http_status'))).toEqual(
      Array(6).fill(true),
    );
    expect(verdict(null, 'timeout')).toBe(true);
    // The status came, but the body never did.
    expect(verdict(404, 'timeout')).toBe(true);
  });

  it('so a flood of 404s leaves the breaker closed', async () => {
    const clock = createTestClock();
    const breaker = createBreakers(clock).create();
    for (let n = 0; n < 100; n += 1) {
      breaker.claim();
      await breaker.run(() => Promise.resolve(status(clock, 404)));
    }
    expect(breaker.state()).toBe('closed');
  });
});

describe('a breaker', () => {
  const clock = createTestClock();
  const post = (code: number) => () => Promise.resolve(status(clock, code));

  it('stays closed below ten attempts, and while no more than half of them fail', async () => {
    const breaker = createBreakers(clock).create();
    for (let n = 0; n < 9; n += 1) await breaker.run(post(500));
    expect(breaker.state()).toBe('closed');
    const mixed = createBreakers(clock).create();
    for (let n = 0; n < 40; n += 1) await mixed.run(post(n % 2 === 0 ? 200 : 500));
    expect(mixed.state()).toBe('closed');
  });

  it('forgets what lies more than ten seconds back', async () => {
    const breakers = createBreakers(clock);
    const breaker = breakers.create();
    for (let n = 0; n < 9; n += 1) await breaker.run(post(500));
    for (let n = 0; n < 5; n += 1) breakers.rotate();
    for (let n = 0; n < 9; n += 1) await breaker.run(post(500));
    expect(breaker.state()).toBe('closed');
  });

  it('gives a probe that was not made to the next one', async () => {
    const breaker = createBreakers(clock).create();
    for (let n = 0; n < 10; n += 1) await breaker.run(post(500));
    expect(breaker.admits()).toBe(false);
    expect(await breaker.run(post(200))).toBeNull();
    clock.advance(10_000);
    expect(breaker.admits()).toBe(true);
    expect(breaker.claim()).toBe(true);
    expect(breaker.admits()).toBe(false);
    breaker.giveBack();
    expect(breaker.admits()).toBe(true);
    breaker.claim();
    await breaker.run(post(200));
    expect(breaker.state()).toBe('closed');
    expect(breaker.admits()).toBe(true);
  });

  it('is not closed by an attempt that began before it opened', async () => {
    const breaker = createBreakers(clock).create();
    let late: () => void = () => undefined;
    const early = breaker.run(
      () =>
        new Promise((resolve) => {
          late = () => {
            resolve(status(clock, 200));
          };
        }),
    );
    for (let n = 0; n < 12; n += 1) await breaker.run(post(500));
    clock.advance(10_000);
    expect(breaker.state()).toBe('half_open');
    late();
    expect(await early).toMatchObject({ ok: true });
    expect(breaker.state()).toBe('half_open');
  });

  it('keeps no process alive, open or not', async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const breaker = createBreakers(clock).create();
    for (let n = 0; n < 10; n += 1) await breaker.run(post(500));
    expect(breaker.state()).toBe('open');
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBe(before);
    breaker.shutdown();
  });
});
