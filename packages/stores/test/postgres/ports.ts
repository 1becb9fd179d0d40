import { randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '@milena/runtime';
import type { FormerSubscriptions } from '../../src/former-ports.ts';
import type { OperatorStore } from '../../src/operator-ports.ts';
import type { DeadLetterStatus } from '../../src/ports.ts';
import {
  createApiKeyStore,
  createCancellationStore,
  createDeadLetterSource,
  createDeadLetterStore,
  createFormerSubscriptions,
  createHeldDeliveries,
  createHeldStore,
  createIdempotencyStore,
  createLiveSubscriptionStore,
  createOperatorStore,
  createReleaseStore,
  createReplayLeases,
  createReplayStore,
  createSecretBox,
  createSecretResealer,
  createSubscriptionHealthStore,
  createSubscriptionStore,
  openPostgres,
  type Postgres,
} from '../../src/postgres/index.ts';
import { describeApiKeyStore } from '../api-key-store.conformance.ts';
import { describeDeadLetterStore } from '../dead-letter-store.conformance.ts';
import { describeFormerSubscriptions } from '../former-subscriptions.conformance.ts';
import { describeHeldStores } from '../held-store.conformance.ts';
import { describeIdempotencyStore } from '../idempotency-store.conformance.ts';
import { describeLiveSubscriptions } from '../live-subscriptions.conformance.ts';
import { describeOperatorStore } from '../operator-store.conformance.ts';
import { describeReplaySource } from '../replay-source.conformance.ts';
import { describeReplayStores } from '../replay-store.conformance.ts';
import { describeSecretResealer } from '../secret-resealer.conformance.ts';
import { describeSubscriptionStore, type SubscriptionStores } from '../subscription-store.conformance.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** Every suite of the relational port over a server. `url` is asked once the tests run. */
export function portsOn(name: string, url: () => string | undefined): void {
  let database: TestDatabase;
  let pg: Postgres;

  beforeAll(async () => {
    database = await createTestDatabase(url());
    pg = openPostgres({ url: database.url });
  });

  afterAll(async () => {
    await pg.close();
    await database.drop();
  });

  const openSubscriptionStores = (
    clock: Clock,
  ): Promise<SubscriptionStores & { operator: OperatorStore; former: FormerSubscriptions }> => {
    const deps = { pg, clock, secretBox: createSecretBox(randomBytes(32)) };
    return Promise.resolve({
      operator: createOperatorStore(deps),
      former: createFormerSubscriptions(deps),
      subscriptions: createSubscriptionStore(deps),
      live: createLiveSubscriptionStore(deps),
      health: createSubscriptionHealthStore(deps),
      cancellations: createCancellationStore(deps),
    });
  };

  describeSubscriptionStore(name, openSubscriptionStores);

  describeLiveSubscriptions(name, openSubscriptionStores);

  describeOperatorStore(name, openSubscriptionStores);

  describeFormerSubscriptions(name, openSubscriptionStores);

  describeIdempotencyStore(name, (clock) => Promise.resolve(createIdempotencyStore({ pg, clock })));

  describeDeadLetterStore(name, () => Promise.resolve(createDeadLetterStore({ pg })));

  describeHeldStores(name, async (clock) => ({
    held: createHeldStore({ pg, clock }),
    deliveries: createHeldDeliveries({ pg }),
    releases: createReleaseStore({ pg, clock }),
    subscriptions: (await openSubscriptionStores(clock)).subscriptions,
  }));

  describeReplayStores(name, (clock) =>
    Promise.resolve({
      replays: createReplayStore({ pg, clock }),
      leases: createReplayLeases({ pg, clock }),
      deadLetters: createDeadLetterStore({ pg }),
    }),
  );

  describeReplaySource(name, () =>
    Promise.resolve({
      source: createDeadLetterSource({ pg }),
      statuses: ['open', 'discarded'],
      kind: 'dead_letters',
      put: (rows) =>
        createDeadLetterStore({ pg }).insert(
          rows.map(({ row, status }) => ({
            ...row,
            status: status as DeadLetterStatus,
            reason: 'answered 500 six times',
            attempts: 6,
            dead_lettered_at: row.accepted_at,
          })),
        ),
    }),
  );

  describeApiKeyStore(name, (clock) => Promise.resolve(createApiKeyStore({ pg, clock })));

  describe('secrets of other suites', () => {
    // Every row of this database is resealed, so those of the suites above must not be among them.
    beforeAll(() => pg.query('DELETE FROM subscription_secrets'));

    describeSecretResealer(name, (key, previous) => {
      const deps = { pg, clock: systemClock, secretBox: createSecretBox(key, previous) };
      return {
        subscriptions: createSubscriptionStore(deps),
        live: createLiveSubscriptionStore(deps),
        resealer: createSecretResealer(deps),
      };
    });
  });
}
