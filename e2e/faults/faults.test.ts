import { type Engine, stack } from '../src/faults/engines.ts';
import { balances } from '../src/faults/ledger.ts';
import { storm } from '../src/faults/storm.ts';
import { startWorld, type World } from '../src/faults/world.ts';

/** Seconds that an engine is away; longer for a thorough run by hand. */
const OUTAGE_S = Number(process.env['FAULT_OUTAGE_S'] ?? 4);
const SEED = Number(process.env['FAULT_SEED'] ?? Math.floor(Math.random() * 1e9));
const LIMIT_MS = 360_000 + OUTAGE_S * 4000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 120_000);
afterEach(async () => {
  await world.restore();
}, 60_000);
afterAll(async () => {
  await world.close();
}, 60_000);

async function away(engine: Engine, during: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  await stack('stop', engine);
  await Promise.all([pause(OUTAGE_S * 1000), during()]);
  await stack('start', engine);
}

describe('under load, with two processes of every service and endpoints that partly fail', () => {
  it(
    'nothing but the load: every event ends once, every request is in the log',
    async () => {
      const { ledger, sent } = await world.under('no fault', () => Promise.resolve());
      expect(balances(ledger)).toBe(true);
      expect(ledger).toMatchObject({ repeated: 0, cut_off: 0, unanswered: 0 });
      expect(sent.refused).toEqual([]);
    },
    LIMIT_MS,
  );

  it.each(['ingest', 'subscriptions', 'recorder'] as const)(
    'kill -9 of %s loses nothing and repeats nothing',
    async (service) => {
      const { ledger } = await world.under(`kill -9 of ${service}`, () => world.killAndReplace(service));
      expect(balances(ledger)).toBe(true);
    },
    LIMIT_MS,
  );

  it(
    'kill -9 of delivery loses nothing; what it repeats and what was cut off is marked as such',
    async () => {
      const { ledger } = await world.under('kill -9 of delivery', () => world.killAndReplace('delivery'));
      expect(balances(ledger)).toBe(true);
    },
    LIMIT_MS,
  );

  it(
    'a broker that stops and comes back costs no event and no repeat; what it could not take was refused with 503',
    async () => {
      const { ledger, sent } = await world.under('Kafka away', () => away('kafka'));
      expect(balances(ledger)).toBe(true);
      expect(ledger.repeated).toBe(0);
      expect(sent.refused.every(({ status, retry_after }) => status === 503 && retry_after !== null)).toBe(
        true,
      );
    },
    LIMIT_MS,
  );

  it(
    'without Postgres known subscriptions take events and are delivered; what can not be served is 503 with Retry-After',
    async () => {
      const noPostgres = (): Promise<void> =>
        away('postgres', async () => {
          const seen = world.target.requests();
          const reply = await world.client.get('/api/v1/subscriptions');
          expect(reply.status).toBe(503);
          expect(reply.headers.get('retry-after')).not.toBeNull();
          await pause((OUTAGE_S - 1) * 1000);
          expect(world.target.requests()).toBeGreaterThan(seen);
        });
      // A process that took the place of a killed one does not know the subscriptions that got nothing since.
      const { ledger, sent } = await world.under('Postgres away', noPostgres, { known: true });
      expect(balances(ledger)).toBe(true);
      expect(ledger.repeated).toBe(0);
      expect(sent.refused).toEqual([]);
    },
    LIMIT_MS,
  );

  it.each(['redis', 'clickhouse'] as const)(
    'without %s everything goes on, and afterwards nothing is missing or double',
    async (engine) => {
      const { ledger, sent } = await world.under(`${engine} away`, () =>
        away(engine, async () => {
          const seen = world.target.requests();
          await pause((OUTAGE_S - 1) * 1000);
          expect(world.target.requests()).toBeGreaterThan(seen);
        }),
      );
      expect(balances(ledger)).toBe(true);
      expect(ledger.repeated).toBe(0);
      expect(sent.refused).toEqual([]);
      expect(sent.unanswered).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'delivery scaled from one to three and back by SIGTERM loses nothing, and the way down repeats nothing',
    async () => {
      const { system } = world;
      await system.replicas('delivery')[1]?.stop();
      const up = await world.under('delivery 1 → 3', async () => {
        await Promise.all([system.add('delivery'), system.add('delivery')]);
      });
      expect(balances(up.ledger)).toBe(true);
      const down = await world.under('delivery 3 → 1', async () => {
        for (const worker of system.replicas('delivery').slice(1)) await worker.stop();
      });
      expect(balances(down.ledger)).toBe(true);
      expect(down.ledger).toMatchObject({ repeated: 0, cut_off: 0 });
    },
    LIMIT_MS,
  );

  it(
    `a storm of all of these (FAULT_SEED=${SEED}) loses nothing`,
    async () => {
      const { ledger } = await world.under(`storm, seed ${SEED}`, () => storm(world, SEED));
      expect(balances(ledger)).toBe(true);
    },
    LIMIT_MS,
  );
});
