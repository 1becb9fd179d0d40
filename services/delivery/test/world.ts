import { createDeliveryService, type DeliveryConfig, type DeliveryService } from '@milena/delivery';
import {
  decodeDeadLetter,
  decodeDelivery,
  decodeLogEntries,
  encodeDelivery,
  newId,
  type Attempt,
  type Delivery,
  type Disposition,
  type LiveSubscription,
  type PostResult,
  type Subscription,
} from '@milena/domain';
import type { PostRequest } from '@milena/egress';
import { DEAD_LETTER, DELIVERIES, DELIVERY_LOG, retryTopic } from '@milena/log';
import { createLogger, createMetrics, createTestClock, type Metrics, type TestClock } from '@milena/runtime';
import { StoreUnavailableError, type SubscriptionHealthStore } from '@milena/stores';
import { createMemoryHealth } from './health-store.ts';
import { createMemoryLog, type MemoryLog } from './memory-log.ts';

const DELAYS = [
  { text: '10s', ms: 10_000 },
  { text: '30s', ms: 30_000 },
  { text: '1m', ms: 60_000 },
  { text: '5m', ms: 300_000 },
  { text: '15m', ms: 900_000 },
];

export const CONFIG: DeliveryConfig = {
  retryDelays: DELAYS,
  timeoutMs: 10_000,
  maxAgeMs: 72 * 3_600_000,
  concurrency: 512,
  drainTimeoutMs: 15_000,
  disableAfterMs: 5 * 86_400_000,
  tellOperator: false,
};

export interface Posted extends PostRequest {
  at: number;
  subscription_id: string;
  delivery_id: string;
}

/** What an endpoint answers to its n-th POST (from 0). */
export type Script = (posted: Posted, n: number) => PostResult | Promise<PostResult>;

export interface World {
  clock: TestClock;
  log: MemoryLog;
  metrics: Metrics;
  service: DeliveryService;
  posts: Posted[];
  /** Scripts by subscription id. */
  scripts: Map<string, Script>;
  subscriptions: Map<string, LiveSubscription>;
  /** True = the directory is away for this id. */
  directoryAway: (id: string) => boolean;
  /** As another worker would use it. */
  health: SubscriptionHealthStore;
  healthAway: boolean;
  healthWrites: { id: string; health: string; failing_since: number | null; at: number }[];
  disabled: { id: string; reason: string }[];
  logLines: Record<string, unknown>[];
  subscribe(changes?: Partial<Subscription>, more?: Partial<LiveSubscription>): Subscription;
  send(subscription: Subscription, changes?: Partial<Delivery>): Promise<Delivery>;
  /** Lets everything happen that can happen without time passing. */
  settle(): Promise<void>;
  /** Time passes, with everything that comes of it. */
  pass(ms: number): Promise<void>;
  /** Stops the worker and lets the time pass that it may take. */
  end(): Promise<void>;
  /** A second worker over the same log and stores, after the first one. */
  restart(config?: Partial<DeliveryConfig>): Promise<void>;
  attempts(): Attempt[];
  dispositions(): Disposition[];
  deadLetters(): ReturnType<typeof decodeDeadLetter>[];
  /** Deliveries appended to a topic. */
  sentTo(topic: string): Delivery[];
}

export function answer(clock: TestClock, changes: Partial<PostResult> = {}): PostResult {
  return {
    ok: true,
    http_status: 200,
    error_kind: null,
    error_detail: '',
    retry_after: null,
    response_headers: {},
    response_body: '',
    resolved_address: '192.0.2.1',
    started_at: clock.now(),
    duration_ms: 5,
    timings: { dns_ms: null, connect_ms: null, tls_ms: null, first_byte_ms: 4 },
    ...changes,
  };
}

export function status(clock: TestClock, code: number, changes: Partial<PostResult> = {}): PostResult {
  const ok = code >= 200 && code <= 299;
  return answer(clock, {
    ok,
    http_status: code,
    error_kind: ok ? null : 'http_status',
    error_detail: ok ? '' : `The endpoint answered ${code}.`,
    ...changes,
  });
}

/** Answers nothing until the deadline is over. */
export function hang(clock: TestClock): Script {
  return (posted) =>
    new Promise((resolve) => {
      const started_at = clock.now();
      clock.after(posted.timeoutMs, () => {
        resolve(
          answer(clock, {
            ...{ ok: false, http_status: null, error_kind: 'timeout', error_detail: 'The deadline passed.' },
            ...{ started_at, duration_ms: posted.timeoutMs },
          }),
        );
      });
    });
}

/** Answers 200 after this time. */
export function slow(clock: TestClock, ms: number): Script {
  return () =>
    new Promise((resolve) => {
      const started_at = clock.now();
      clock.after(ms, () => {
        resolve(answer(clock, { started_at, duration_ms: ms }));
      });
    });
}

export function subscriptionOf(clock: TestClock, changes: Partial<Subscription> = {}): Subscription {
  const at = new Date(clock.now()).toISOString();
  const id = newId(clock.now());
  return {
    id,
    target_url: `https://example.com/${id}`,
    tenant_id: 'default',
    event_types: [],
    description: null,
    enabled: true,
    paused: false,
    headers: {},
    timeout_ms: null,
    max_in_flight: null,
    rate_limit_per_s: null,
    ingest_limit_per_s: null,
    retry_delays: null,
    metadata: {},
    disabled_reason: null,
    has_secret: false,
    health: 'healthy',
    failing_since: null,
    version: 1,
    created_at: at,
    updated_at: at,
    ...changes,
  };
}

/** A delivery worker over a log in memory, on a clock that stands still until the test lets time pass. */
export async function createWorld(options: Partial<DeliveryConfig> = {}): Promise<World> {
  const clock = createTestClock();
  const { retryDelays } = { ...CONFIG, ...options };
  const log = createMemoryLog(
    clock,
    retryDelays.map(({ text }) => retryTopic(text)),
  );
  const metrics = createMetrics();
  const logLines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void logLines.push(JSON.parse(line)) };
  const logger = createLogger({ service: 'delivery', level: 'debug', destination });
  const counts = new Map<string, number>();

  const health = createMemoryHealth(() => world);

  function build(config: DeliveryConfig): DeliveryService {
    return createDeliveryService({
      ...{ log, clock, metrics, logger, config },
      random: () => 0.5,
      worker: 'worker-1',
      // Time here is the test's, and stands still while an append would wait.
      appendSpacingMs: 0,
      directory: {
        get: (id) => {
          if (world.directoryAway(id)) return Promise.reject(new StoreUnavailableError('no connection'));
          return Promise.resolve(world.subscriptions.get(id) ?? null);
        },
        ofTenant: () => Promise.resolve([]),
        invalidate: () => Promise.resolve(),
        close: () => Promise.resolve(),
      },
      health,
      post: async (request) => {
        const delivery_id = request.headers['x-milena-delivery-id']!;
        const subscription_id = request.url.slice(-36);
        const posted = { ...request, at: clock.now(), subscription_id, delivery_id };
        world.posts.push(posted);
        const n = counts.get(subscription_id) ?? 0;
        counts.set(subscription_id, n + 1);
        return (world.scripts.get(subscription_id) ?? (() => answer(clock)))(posted, n);
      },
    });
  }

  const logEntries = () =>
    log.records.filter((r) => r.topic === DELIVERY_LOG).flatMap((r) => decodeLogEntries(r));
  const world: World = {
    ...{ clock, log, metrics, logLines, health },
    service: undefined as unknown as DeliveryService,
    posts: [],
    scripts: new Map(),
    subscriptions: new Map(),
    directoryAway: () => false,
    healthAway: false,
    healthWrites: [],
    disabled: [],
    subscribe: (changes, more) => {
      const subscription = subscriptionOf(clock, changes);
      const live = { subscription, secrets: [], cancelled: new Set<string>(), ...more };
      world.subscriptions.set(subscription.id, live);
      return subscription;
    },
    send: async (subscription, changes) => {
      const delivery: Delivery = {
        delivery_id: newId(clock.now()),
        event_id: newId(clock.now()),
        tenant_id: subscription.tenant_id,
        subscription_id: subscription.id,
        event_type: 'order.created',
        content_type: 'application/json',
        accepted_at: clock.now(),
        attempt: 1,
        due_at: null,
        deferrals: 0,
        may_repeat: false,
        replay_of: null,
        resumed_at: null,
        target_url: null,
        traceparent: null,
        payload: Buffer.from('{"b":1, "a":12345678901234567890}'),
        ...changes,
      };
      await log.append([{ topic: DELIVERIES, ...encodeDelivery(delivery) }]);
      return delivery;
    },
    settle: async () => {
      // Each round lets every promise that is ready go on; chains here are a few dozen links long at most.
      for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
    },
    pass: async (ms) => {
      const end = clock.now() + ms;
      await world.settle();
      for (let at = clock.nextTimerAt(); at !== null && at <= end; at = clock.nextTimerAt()) {
        clock.advance(at - clock.now());
        await world.settle();
      }
      clock.advance(end - clock.now());
      await world.settle();
    },
    end: async () => {
      const stopped = world.service.stop();
      await world.pass(CONFIG.drainTimeoutMs);
      await stopped;
    },
    restart: async (config) => {
      world.service = build({ ...CONFIG, ...options, ...config });
      await world.service.start();
      await world.settle();
    },
    attempts: () => logEntries().flatMap((e) => (e.kind === 'attempt' ? [e.attempt] : [])),
    dispositions: () => logEntries().flatMap((e) => (e.kind === 'disposition' ? [e.disposition] : [])),
    deadLetters: () => log.records.filter((r) => r.topic === DEAD_LETTER).map((r) => decodeDeadLetter(r)),
    sentTo: (topic) => log.records.filter((r) => r.topic === topic).map((r) => decodeDelivery(r)),
  };
  await world.restart();
  return world;
}
