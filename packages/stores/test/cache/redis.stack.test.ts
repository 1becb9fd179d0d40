import { randomBytes } from 'node:crypto';
import { createTestClock, type Clock } from '@milena/runtime';
import { createSubscriptionDirectory } from '../../src/cache/index.ts';
import type { LiveSubscriptionStore } from '../../src/ports.ts';
import {
  createCancellationStore,
  createLiveSubscriptionStore,
  createSecretBox,
  createSubscriptionHealthStore,
  createSubscriptionStore,
  migrate,
  openPostgres,
  type Postgres,
} from '../../src/postgres/index.ts';
import { describeInvalidationBus } from '../invalidation-bus.conformance.ts';
import { describeLiveSubscriptions } from '../live-subscriptions.conformance.ts';
import { describeSubscriptionCache } from '../subscription-cache.conformance.ts';
import type { SubscriptionStores } from '../subscription-store.conformance.ts';
import { createFakeLiveStore } from '../support/live-store.ts';
import { fromStack } from '../support/stack.ts';
import { newPrefix, openProcess, secretsKey, type Process } from './redis-support.ts';

const url = fromStack('REDIS_URL');

/** The local copy's time, twice, after the shared copy's. */
const UNTOLD_MS = 60_000 + 2 * 30_000;

async function openTwo(live: LiveSubscriptionStore, clock: Clock) {
  const prefix = newPrefix();
  const here = openProcess({ url, prefix, live, clock });
  const there = openProcess({ url, prefix, live, clock });
  await Promise.all([here.up(), there.up()]);
  const close = async () => {
    await Promise.all([here.close(), there.close()]);
  };
  return { here, there, close };
}

describeInvalidationBus('Redis', async () => {
  const two = await openTwo(createFakeLiveStore().store, createTestClock());
  return { here: two.here.bus, there: two.there.bus, close: two.close };
});

describeSubscriptionCache('in process, Redis, the store', {
  untoldMs: UNTOLD_MS,
  open: async (live, clock) => {
    const two = await openTwo(live, clock);
    return { here: two.here.directory, there: two.there.directory, close: two.close };
  },
});

describeSubscriptionCache('Redis for the news only', {
  untoldMs: 60_000,
  open: async (live, clock) => {
    const two = await openTwo(live, clock);
    const here = createSubscriptionDirectory({ live, clock, bus: two.here.bus });
    const there = createSubscriptionDirectory({ live, clock, bus: two.there.bus });
    const close = async () => {
      await Promise.all([here.close(), there.close()]);
      await two.close();
    };
    return { here, there, close };
  },
});

describeSubscriptionCache('Redis for the values, one process', {
  untoldMs: UNTOLD_MS,
  open: async (live, clock) => {
    const one = openProcess({ url, prefix: newPrefix(), live, clock });
    await one.up();
    const other = createSubscriptionDirectory({ live: one.live, clock, bus: one.bus });
    const close = async () => {
      await other.close();
      await one.close();
    };
    return { here: one.directory, there: other, close };
  },
});

describe('with Postgres', () => {
  let admin: Postgres;
  let pg: Postgres;
  const opened: Process[] = [];
  const database = `milena_test_${randomBytes(4).toString('hex')}`;

  beforeAll(async () => {
    admin = openPostgres({ url: fromStack('DATABASE_URL'), poolMax: 1 });
    await admin.query(`CREATE DATABASE ${database}`);
    const own = new URL(fromStack('DATABASE_URL'));
    own.pathname = `/${database}`;
    await migrate({ url: own.href });
    pg = openPostgres({ url: own.href });
  });
  afterAll(async () => {
    for (const one of opened) await one.close();
    await pg.close();
    await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await admin.close();
  });

  describeLiveSubscriptions(
    'Postgres behind Redis',
    async (clock) => {
      const deps = { pg, clock, secretBox: createSecretBox(secretsKey) };
      const one = openProcess({
        url,
        prefix: newPrefix(),
        live: createLiveSubscriptionStore(deps),
        clock,
      });
      opened.push(one);
      await one.up();
      return tellingStores(
        {
          subscriptions: createSubscriptionStore(deps),
          live: one.live,
          health: createSubscriptionHealthStore(deps),
          cancellations: createCancellationStore(deps),
        },
        one,
      );
    },
    60_000,
  );
});

/** The stores as services use them: whoever changes something tells the bus. */
function tellingStores(stores: SubscriptionStores, { bus }: Process): SubscriptionStores {
  const { subscriptions, health, cancellations } = stores;
  const told = async <T>(result: T, id: string, tenantId = 'default'): Promise<T> => {
    await bus.publish(id, tenantId);
    return result;
  };
  return {
    ...stores,
    subscriptions: {
      ...subscriptions,
      insert: async (input, secret) => {
        const stored = await subscriptions.insert(input, secret);
        return told(stored, stored.id, stored.tenant_id);
      },
      update: async (id, ...rest) => told(await subscriptions.update(id, ...rest), id),
    },
    health: {
      setHealth: async (id, ...rest) => {
        await health.setHealth(id, ...rest);
        await bus.publish(id, 'default');
      },
      disable: async (id, ...rest) => told(await health.disable(id, ...rest), id),
    },
    cancellations: {
      cancel: async (delivery) => {
        await cancellations.cancel(delivery);
        await bus.publish(delivery.subscription_id, delivery.tenant_id);
      },
    },
  };
}

describe('closing', () => {
  test('after it reads come from the store and changes are accepted', async () => {
    const fake = createFakeLiveStore();
    const one = openProcess({ url, prefix: newPrefix(), live: fake.store, clock: createTestClock() });
    await one.up();
    await one.close();
    await one.close();
    expect(await one.live.load('a')).toBeNull();
    await expect(one.bus.publish('a', 'default')).resolves.toBeUndefined();
  });
});
