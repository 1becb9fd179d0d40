import { createSsrfGuard } from '@milena/egress';
import { createApiKeyAuthenticator, createApiServer } from '@milena/http';
import { createLogger, createMetrics, systemClock, type Clock } from '@milena/runtime';
import {
  createDeliveryReader,
  createLedgerReader,
  type LedgerHistory,
  type OperatorEndpoint,
} from '@milena/stores';
import { createApiKeyDirectory } from '@milena/stores/cache';
import {
  createApiKeyStore,
  createCancellationStore,
  createDeadLetterSource,
  createDeadLetterStore,
  createFormerSubscriptions,
  createHeldDeliveries,
  createHeldStore,
  createIdempotencyStore,
  createLedgerKept,
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
} from '@milena/stores/postgres';
import { createContractChecker, createTestDatabase } from '@milena/testing';
import {
  createSubscriptionsService,
  type SubscriptionsConfig,
  type SubscriptionsDeps,
} from '../../src/service.ts';
import {
  createFakeAttempts,
  createFakeDeliveries,
  createFakeEventSource,
  createFakeLedger,
  createFakeLog,
  createFakeStats,
} from './fakes.ts';

/** JSON whose shape the contract checker has seen to. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- every test would have to spell out every reply
export type Json = any;

interface Answer {
  status: number;
  headers: Record<string, string>;
  /** Parsed when it is JSON, otherwise text. */
  body: Json;
  bytes: Buffer;
}

export type Api = Awaited<ReturnType<typeof startApi>>;

/** Readers in place of those in memory. */
type History = Pick<SubscriptionsDeps, 'deliveries' | 'attempts' | 'stats'>;

const delays = [
  { text: '10s', ms: 10_000 },
  { text: '30s', ms: 30_000 },
  { text: '1m', ms: 60_000 },
];

/** The service behind a real server, over real Postgres stores; log, cache and (unless given) history are in memory. */
export async function startApi(
  options: {
    clock?: Clock;
    history?: History;
    ledger?: LedgerHistory;
    apiKey?: string;
    config?: Partial<SubscriptionsConfig>;
    operatorEndpoint?: OperatorEndpoint;
  } = {},
) {
  const clock = options.clock ?? systemClock;
  const database = await createTestDatabase();
  const pg = openPostgres({ url: database.url, poolMax: 4 });
  const secretBox = createSecretBox(Buffer.alloc(32, 7));
  const stores = { pg, secretBox, clock };
  const log = createFakeLog();
  const releases = createReleaseStore(stores);
  const faults: { append: typeof log.append | null; totals: typeof releases.totals | null } = {
    append: null,
    totals: null,
  };
  const deliveries = createFakeDeliveries();
  const attempts = createFakeAttempts();
  const stats = createFakeStats();
  const ledger = createFakeLedger();
  const invalidated: string[] = [];
  const lines: string[] = [];
  const logger = createLogger({
    service: 'test',
    level: 'trace',
    destination: { write: (line) => lines.push(line) },
  });
  const metrics = createMetrics();
  const deadLetters = createDeadLetterStore(stores);
  const live = createLiveSubscriptionStore(stores);
  const apiKeys = createApiKeyStore(stores);
  const keyDirectory = createApiKeyDirectory({ store: apiKeys, clock });
  const apiKey = options.apiKey ?? '';
  const held = createHeldStore(stores);
  const service = createSubscriptionsService({
    subscriptions: createSubscriptionStore(stores),
    directory: {
      invalidate: (id) => {
        invalidated.push(id);
        return Promise.resolve();
      },
    },
    secrets: createSecretResealer(stores),
    apiKeys,
    keyDirectory,
    cancellations: createCancellationStore(stores),
    deadLetters,
    held,
    releases: { ...releases, totals: () => (faults.totals ?? releases.totals)() },
    replays: createReplayStore(stores),
    replayLeases: createReplayLeases(stores),
    replaySources: { dead_letters: createDeadLetterSource(stores), events: createFakeEventSource() },
    // What the recorder has stored is what is in the log, up to where it has come.
    recorded: {
      known: (_, wanted) => {
        const stored = log.deliveries().slice(0, log.state.recorded ?? undefined);
        return Promise.resolve(
          new Set(stored.map(({ delivery_id }) => delivery_id).filter((id) => wanted.includes(id))),
        );
      },
    },
    idempotency: createIdempotencyStore(stores),
    operator: createOperatorStore(stores),
    formerSubscriptions: createFormerSubscriptions(stores),
    attempts: attempts.reader,
    stats: stats.reader,
    ledger: options.ledger
      ? createLedgerReader({ history: options.ledger, kept: createLedgerKept({ pg }) })
      : ledger.reader,
    ...options.history,
    deliveries: createDeliveryReader({
      history: options.history?.deliveries ?? deliveries.reader,
      held: createHeldDeliveries(stores),
      historyMs: 72 * 3_600_000,
      clock,
    }),
    log: { ...log, append: (records) => (faults.append ?? log.append)(records) },
    guard: createSsrfGuard({ allowedPrivate: ['127.0.0.0/8'] }),
    clock,
    logger,
    metrics,
    config: {
      retryDelays: delays,
      retentionHours: 72,
      deadLetterRetentionDays: 30,
      deliveryMaxAgeMs: 72 * 3_600_000,
      hasFirstKey: apiKey !== '',
      userAgent: 'Milena/0.0.0',
      operatorEndpoint: options.operatorEndpoint ?? null,
      ...options.config,
    },
  });
  const server = createApiServer({
    title: 'Milena',
    description: 'Test.',
    version: '0.0.0',
    routes: service.routes,
    authenticate: createApiKeyAuthenticator({ apiKey, keys: keyDirectory, clock }),
    host: '127.0.0.1',
    port: 0,
    logger,
    metrics,
    clock: systemClock,
  });
  const { url } = await server.start();
  const check = createContractChecker(server.document);

  /** Calls the API; the reply has passed the OpenAPI document, and is never a 500. */
  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(apiKey !== '' && { authorization: `Bearer ${apiKey}` }),
        ...headers,
      },
      ...(body !== undefined && { body: raw ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const type = response.headers.get('content-type') ?? '';
    const isJson = /json/.test(type) && (response.status >= 400 || !path.endsWith('/payload'));
    const parsed: unknown = isJson ? JSON.parse(bytes.toString()) : bytes.toString();
    const answer = {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: parsed,
      bytes,
    };
    check({ method, path, status: answer.status, headers: answer.headers, body: parsed });
    if (answer.status >= 500 && answer.status !== 503) {
      throw new Error(`${method} ${path} → ${answer.status}\n${lines.slice(-3).join('\n')}`);
    }
    return answer;
  }

  return {
    url,
    document: server.document,
    call,
    service,
    server,
    pg,
    log,
    /** What the service gets instead of the log's own. */
    faults,
    deliveries,
    attempts,
    stats,
    ledger,
    deadLetters,
    held,
    metrics,
    live,
    apiKeys,
    health: createSubscriptionHealthStore(stores),
    invalidated,
    /** Every log line so far. */
    lines,
    /** A new subscription. */
    subscribe: async (over: object = {}): Promise<Json> => {
      const answer = await call('POST', '/api/v1/subscriptions', {
        target_url: 'https://example.com/hooks',
        ...over,
      });
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
      return answer.body;
    },
    stop: async () => {
      await service.stop();
      await server.stop(1000);
      await keyDirectory.close();
      await pg.close();
      await database.drop();
    },
  };
}

/** Which fields a problem complains about. */
export function errorsOf(problem: Json): string[] {
  return problem.errors.map((error: { path: string }) => error.path);
}
