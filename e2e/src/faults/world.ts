import { type Distributed, type ServiceName, startDistributed } from '@milena/testing';
import { type Client, createClient, eventually } from '../client.ts';
import { type Auditor, balances, createAuditor, type Ledger, ledgerText } from './ledger.ts';
import { sendLoad, type Sent } from './load.ts';
import { startTarget, type Behaviour, type Target } from './target.ts';
import { expectToldBalanced } from './told.ts';

const REPLICAS = 2;
const SERVICES: readonly ServiceName[] = ['ingest', 'subscriptions', 'delivery', 'recorder'];

/** Events per second; little for the services, so that what is measured is the fault and not the load. */
const RATE_PER_S = 200;
const BEFORE_MS = 2000;
const AFTER_MS = 3000;
const MAX_AGE_S = 40 + 2 * Number(process.env['FAULT_OUTAGE_S'] ?? 4);
const SETTLE_MS = (MAX_AGE_S + 90) * 1000;
/** The history follows within a second or so; until then the attempt of a request just made seems to be cut off. */
const HISTORY_MS = 5000;

/** Two processes of every service over the real engines, and endpoints that partly fail. */
export interface World {
  system: Distributed;
  client: Client;
  target: Target;
  /**
   * Sends load from two seconds before the fault until three seconds after it is over, waits until everything has come
   * to its end, prints the ledger and returns it. Throws when the ledger that the API tells does not balance. With
   * `known`, every replica of ingest has taken an event for every subscription before.
   */
  under(
    name: string,
    fault: () => Promise<void>,
    options?: { known?: boolean },
  ): Promise<{ ledger: Ledger; sent: Sent }>;
  /** Ends one replica with SIGKILL and starts another in its place. */
  killAndReplace(service: ServiceName): Promise<void>;
  /** Brings every service back to its number of replicas. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function startWorld(): Promise<World> {
  const target = await startTarget();
  const system = await startDistributed({
    replicas: REPLICAS,
    env: {
      RETRY_DELAYS: '500ms,1s,2s',
      // A stop waits for the broker, which a storm may have killed just then.
      DRAIN_TIMEOUT_MS: '30000',
      // After a crash a backlog comes at once, which opens the breakers of dead endpoints: what they put off must end too.
      DELIVERY_MAX_AGE: `${MAX_AGE_S}s`,
    },
  });
  const client = await createClient(system);
  const auditor = createAuditor(system.env);
  const subscriptions = await subscribeAll(client, target);

  return {
    system,
    client,
    target,
    under: async (name, fault, { known = false } = {}) => {
      const since = Date.now();
      const first = known ? await sendOneEach(system, subscriptions) : [];
      const load = startLoad(system, subscriptions);
      await pause(BEFORE_MS);
      await fault();
      await pause(AFTER_MS);
      const sent = together([...first, await load.end()]);
      const ledger = await settled(auditor, sent, target);
      process.stdout.write(`\n${ledgerText(name, ledger)}`);
      await expectToldBalanced(client, since, sent.accepted.size);
      return { ledger, sent };
    },
    killAndReplace: async (service) => {
      await system.replicas(service)[0]?.kill();
      await pause(500);
      await system.add(service);
    },
    restore: async () => {
      for (const service of SERVICES) {
        while (system.replicas(service).length < REPLICAS) await system.add(service);
        for (const extra of system.replicas(service).slice(REPLICAS)) await extra.stop();
      }
    },
    close: async () => {
      await auditor.close();
      await system.close();
      target.close();
    },
  };
}

/**
 * The subscriptions that events go to by turns. One event in a hundred is for a dead endpoint, of which there are
 * 24: each gets one in 12 s, whose four attempts do not open its breaker, so that they come to their end soon.
 */
async function subscribeAll(client: Client, target: Target): Promise<string[]> {
  const make = (behaviour: Behaviour, count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => client.subscribe({ target_url: target.url(behaviour) })));
  const living = [...(await make('ok', 12)), ...(await make('slow', 4)), ...(await make('flaky', 6))];
  const dead = await make('dead', 24);
  return dead.flatMap((one) => [
    one,
    ...Array.from({ length: 99 }, (_, n) => living[n % living.length] ?? ''),
  ]);
}

const ingestAddresses = (system: Distributed): string[] =>
  system.replicas('ingest').map(({ addresses }) => addresses['api'] ?? '');

/** To every replica of ingest an event for every subscription. */
function sendOneEach(system: Distributed, subscriptions: readonly string[]): Promise<Sent[]> {
  const each = [...new Set(subscriptions)];
  return Promise.all(
    ingestAddresses(system).map((address) =>
      sendLoad({
        ingest: () => [address],
        subscriptions: each,
        ratePerS: RATE_PER_S,
        seconds: each.length / RATE_PER_S,
        first: 0,
      }),
    ),
  );
}

function together(all: readonly Sent[]): Sent {
  return {
    accepted: new Map(all.flatMap(({ accepted }) => [...accepted])),
    refused: all.flatMap(({ refused }) => refused),
    unanswered: all.reduce((sum, { unanswered }) => sum + unanswered, 0),
  };
}

function startLoad(system: Distributed, subscriptions: readonly string[]) {
  const ended = new AbortController();
  const turns: Promise<Sent>[] = [];
  let first = Math.floor(Math.random() * subscriptions.length);
  const running = (async () => {
    while (!ended.signal.aborted) {
      const turn = sendLoad({
        ingest: () => ingestAddresses(system),
        subscriptions,
        ratePerS: RATE_PER_S,
        seconds: 1,
        first,
      });
      first += RATE_PER_S;
      turns.push(turn);
      // The next second begins on time, also when the answers of this one take longer.
      await Promise.race([turn, pause(1000)]);
      await pause(0);
    }
  })();
  return {
    end: async (): Promise<Sent> => {
      ended.abort();
      await running;
      return together(await Promise.all(turns));
    },
  };
}

/** The ledger once it balances, or as it stands when the time is up. */
async function settled(auditor: Auditor, sent: Sent, target: Target): Promise<Ledger> {
  let ledger = await auditor.audit(sent, target);
  const until = (accept: (ledger: Ledger) => boolean, withinMs: number): Promise<unknown> =>
    eventually(
      async () => {
        ledger = await auditor.audit(sent, target);
        return ledger;
      },
      accept,
      withinMs,
    ).catch(() => undefined);
  await until(balances, SETTLE_MS);
  await until((one) => balances(one) && one.cut_off === 0, HISTORY_MS);
  return ledger;
}
