import { createTestClock } from '@milena/runtime';
import { createSubscriptionDirectory, type InvalidationListener } from '../../src/cache/index.ts';
import { createFakeLiveStore, live } from '../support/live-store.ts';

const TTL_MS = 30_000;

/** Lets everything that is ready to run, run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('SubscriptionDirectory on a bus that can be lost', () => {
  const DEAF_TTL_MS = 3000;

  function setUpLossy(random = () => 0) {
    const clock = createTestClock();
    const fake = createFakeLiveStore();
    let listener: InvalidationListener | null = null;
    const directory = createSubscriptionDirectory({
      live: fake.store,
      bus: {
        publish: () => Promise.resolve(),
        subscribe: (given) => {
          listener = given;
          return () => undefined;
        },
      },
      clock,
      ttlMs: TTL_MS,
      random,
    });
    const change = (version: number) => fake.rows.set('a', live('a', { version }));
    const version = async () => (await directory.get('a'))?.subscription.version;
    change(1);
    return { clock, directory, change, version, bus: listener!, ...fake };
  }

  test('while it is lost, what was cached before and what is cached now live for three seconds', async () => {
    const { clock, change, version, bus } = setUpLossy();
    expect(await version()).toBe(1);
    bus.channelLost();
    change(2);
    clock.advance(DEAF_TTL_MS - 1);
    expect(await version()).toBe(1);
    clock.advance(1);
    await version();
    await settled();
    expect(await version()).toBe(2);
    change(3);
    clock.advance(2 * DEAF_TTL_MS);
    expect(await version()).toBe(3);
  });

  test('what was cached before it was lost is renewed one after the other', async () => {
    const drawn = [0, 0, 0, 0.5];
    const { clock, bus, rows, directory, state } = setUpLossy(() => drawn.shift() ?? 0);
    rows.set('b', live('b'));
    const askForBoth = async () => {
      await Promise.all([directory.get('a'), directory.get('b')]);
      await settled();
      return state.loads;
    };
    expect(await askForBoth()).toBe(2);
    bus.channelLost();
    clock.advance((DEAF_TTL_MS * 3) / 4);
    expect(await askForBoth()).toBe(3);
    clock.advance(DEAF_TTL_MS / 4);
    expect(await askForBoth()).toBe(4);
  });

  test('when it is back nothing from before is given again, and entries live as long as ever', async () => {
    const { clock, change, version, bus, hold, state, rows, directory } = setUpLossy();
    expect(await version()).toBe(1);
    rows.set('b', live('b', { version: 1 }));
    bus.channelLost();
    const letGo = hold();
    const underWay = directory.get('b');
    change(2);
    rows.set('b', live('b', { version: 2 }));
    bus.channelBack();
    letGo();
    await underWay;
    expect(await version()).toBe(2);
    expect((await directory.get('b'))?.subscription.version).toBe(2);
    const { loads } = state;
    clock.advance(TTL_MS - 1);
    await version();
    expect(state.loads).toBe(loads);
  });

  test('when it is back and the store is away, what there is is given', async () => {
    const { version, bus, state } = setUpLossy();
    expect(await version()).toBe(1);
    state.away = true;
    bus.channelLost();
    bus.channelBack();
    expect(await version()).toBe(1);
  });
});
