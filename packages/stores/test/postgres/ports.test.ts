import { randomBytes } from 'node:crypto';
import type { Clock } from '@milena/runtime';
import type { DeadLetterStatus } from '../../src/ports.ts';
import {
  createCancellationStore,
  createDeadLetterSource,
  createDeadLetterStore,
  createHeldStore,
  createIdempotencyStore,
  createLiveSubscriptionStore,
  createReleaseStore,
  createReplayLeases,
  createReplayStore,
  createSecretBox,
  createSubscriptionHealthStore,
  createSubscriptionStore,
  openPostgres,
  type Postgres,
} from '../../src/postgres/index.ts';
import { describeDeadLetterStore } from '../dead-letter-store.conformance.ts';
import { describeHeldStores } from '../held-store.conformance.ts';
import { describeIdempotencyStore } from '../idempotency-store.conformance.ts';
import { describeLiveSubscriptions } from '../live-subscriptions.conformance.ts';
import { describeReplaySource } from '../replay-source.conformance.ts';
import { describeReplayStores } from '../replay-store.conformance.ts';
import { describeSubscriptionStore, type SubscriptionStores } from '../subscription-store.conformance.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let pg: Postgres;

beforeAll(async () => {
  database = await createTestDatabase();
  pg = openPostgres({ url: database.url });
});

afterAll(async () => {
  await pg.close();
  await database.drop();
});

const openSubscriptionStores = (clock: Clock): Promise<SubscriptionStores> => {
  const deps = { pg, clock, secretBox: createSecretBox(randomBytes(32)) };
  return Promise.resolve({
    subscriptions: createSubscriptionStore(deps),
    live: createLiveSubscriptionStore(deps),
    health: createSubscriptionHealthStore(deps),
    cancellations: createCancellationStore(deps),
  });
};

describeSubscriptionStore('Postgres', openSubscriptionStores);

describeLiveSubscriptions('Postgres', openSubscriptionStores);

describeIdempotencyStore('Postgres', (clock) => Promise.resolve(createIdempotencyStore({ pg, clock })));

describeDeadLetterStore('Postgres', () => Promise.resolve(createDeadLetterStore({ pg })));

describeHeldStores('Postgres', async (clock) => ({
  held: createHeldStore({ pg, clock }),
  releases: createReleaseStore({ pg, clock }),
  subscriptions: (await openSubscriptionStores(clock)).subscriptions,
}));

describeReplayStores('Postgres', (clock) =>
  Promise.resolve({
    replays: createReplayStore({ pg, clock }),
    leases: createReplayLeases({ pg, clock }),
    deadLetters: createDeadLetterStore({ pg }),
  }),
);

describeReplaySource('Postgres', () =>
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
