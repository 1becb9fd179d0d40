import type { RetryDelay } from '@milena/domain';
import type { HttpPost } from '@milena/egress';
import { createLagReporter, DELIVERIES, GROUPS, type LogConsumer, type MessageLog } from '@milena/log';
import type { CancelTimer, Clock, Logger, Metrics, Rounds } from '@milena/runtime';
import type { SubscriptionDirectory, SubscriptionHealthStore } from '@milena/stores';
import type { Tracing } from '@milena/tracing';
import { createAppends } from './appends.ts';
import { createApply } from './apply-decision.ts';
import { attemptDelivery } from './attempt-delivery.ts';
import { BUCKET_MS, createBreakers } from './breakers.ts';
import { handleDelivery, type HubDeps } from './handle-delivery.ts';
import { createHealthTracker } from './health-tracker.ts';
import { createInHand } from './in-hand.ts';
import { createLanes, type LaneStats } from './lanes.ts';
import { createOutage } from './outage.ts';
import { createSubscriptionLookup } from './subscription-lookup.ts';
import { createTenures } from './tenure.ts';
import { traceAttempts } from './trace-attempts.ts';

export interface DeliveryConfig {
  /** RETRY_DELAYS: rising, at least one. */
  retryDelays: readonly RetryDelay[];
  /** DELIVERY_TIMEOUT_MS: deadline of an attempt when the subscription sets none. */
  timeoutMs: number;
  /** DELIVERY_MAX_AGE in ms. */
  maxAgeMs: number;
  /** WORKER_CONCURRENCY: attempts at once. */
  concurrency: number;
  /** DRAIN_TIMEOUT_MS */
  drainTimeoutMs: number;
  /** DISABLE_AFTER in ms. */
  disableAfterMs: number;
  /** Whether OPERATOR_WEBHOOK_URL is set: each dead letter is then an event for the operator, too. */
  tellOperator: boolean;
}

export interface DeliveryDeps {
  log: MessageLog;
  directory: SubscriptionDirectory;
  health: SubscriptionHealthStore;
  post: HttpPost['post'];
  clock: Clock;
  /** In [0, 1); spreads due times. */
  random: () => number;
  logger: Logger;
  metrics: Metrics;
  /** Without it nothing is traced, and there is no hook. */
  tracing?: Tracing | null;
  /** Names this worker in the attempts it makes. */
  worker: string;
  /** Least time between the starts of two appends, in real time; default 20 ms. */
  appendSpacingMs?: number;
  config: DeliveryConfig;
}

export interface DeliveryHealth {
  status: 'up' | 'down';
  /** One sentence for each thing that is wrong. */
  problems: string[];
}

export interface DeliveryService {
  /** Joins the group; records flow from then on. */
  start(): Promise<void>;
  /**
   * Finishes what is under way within `drainTimeoutMs`, puts off the rest for others and leaves the group. Makes no
   * duplicates unless the time is up before an attempt is. Idempotent.
   */
  stop(): Promise<void>;
  /** Whether deliveries can flow now: the log and the subscriptions answer. */
  health(): DeliveryHealth;
}

/** Records taken from the log per attempt that may run at once; enough to keep every lane busy. */
const UNACKED_PER_SLOT = 8;
const UNACKED_BYTES = 64 * 1024 * 1024;

export function createDeliveryService(deps: DeliveryDeps): DeliveryService {
  const { log, clock, metrics, config } = deps;
  if (config.retryDelays.length === 0) throw new RangeError('at least one retry delay must be configured');
  const parts = assemble(deps);
  const { breakers, lanes, health, inHand, tenures } = parts;
  let lag: Rounds | null = null;
  let consumer: LogConsumer | null = null;
  let stopping: Promise<void> | null = null;
  let cancelTick: CancelTimer | null = null;

  function tick(): void {
    cancelTick = clock.after(BUCKET_MS, tick);
    breakers.rotate();
    parts.appends.check();
    health.flush();
    show(metrics, lanes.sweep());
  }

  async function stop(): Promise<void> {
    void lag?.stop();
    consumer?.pause();
    lanes.close();
    parts.subscriptions.stop();
    await inHand.drained(config.drainTimeoutMs);
    parts.appends.abandon();
    cancelTick?.();
    health.stop();
    await consumer?.stop();
    lanes.dispose();
  }

  return {
    start: async () => {
      const topics = [DELIVERIES, ...(await log.retryTopics())];
      consumer = await log.consume({
        group: GROUPS.delivery,
        topics,
        onRecord: (record) => {
          inHand.take(record, tenures.of(record.partition));
        },
        // What has waited here for its turn had better be the new owner's than be attempted twice.
        onSuspended: (suspended) => {
          lanes.halt('share_out', suspended);
        },
        onRevoked: (partitions) => {
          tenures.end(partitions);
          lanes.dropEnded();
        },
        maxUnackedRecords: config.concurrency * UNACKED_PER_SLOT,
        maxUnackedBytes: UNACKED_BYTES,
      });
      lag = createLagReporter({ ...deps, group: GROUPS.delivery, topics });
      void lag.start();
      tick();
    },
    stop: () => (stopping ??= stop()),
    health: () => {
      const problems = parts.problems();
      if (consumer === null || stopping !== null) problems.push('the worker is not running');
      return { status: problems.length === 0 ? 'up' : 'down', problems };
    },
  };
}

/** The parts of one worker. */
function assemble(deps: DeliveryDeps) {
  const { clock, logger, config } = deps;
  const breakers = createBreakers(clock);
  const lanes = createLanes({ clock, breakers, concurrency: config.concurrency });
  const directoryOutage = createOutage({ event: 'delivery.subscriptions_away', clock, logger });
  const logOutage = createOutage({
    event: 'delivery.log_away',
    clock,
    logger,
    // An attempt whose result can't be appended would have to be made again: none starts while the log is away.
    onChange: (down) => {
      lanes.halt('log_away', down);
    },
  });
  const health = createHealthTracker({ ...deps, store: deps.health, disableAfterMs: config.disableAfterMs });
  const appends = createAppends({ ...deps, outage: logOutage });
  const apply = createApply({ ...deps, health, appends });
  const subscriptions = createSubscriptionLookup(deps.directory, directoryOutage, logger);
  const attempt = deps.tracing ? traceAttempts(attemptDelivery, deps.tracing) : attemptDelivery;
  const hub: HubDeps = { ...deps, subscriptions, lanes, apply, attempt };
  const inHand = createInHand({
    clock,
    logger,
    handle: (record, tenure) => handleDelivery(record, tenure, hub),
  });

  function problems(): string[] {
    const away = { 'the message log': logOutage.reason(), 'the subscriptions': directoryOutage.reason() };
    return Object.entries(away).flatMap(([what, why]) =>
      why === null ? [] : [`${what} can't be reached: ${why}`],
    );
  }

  return { breakers, lanes, health, appends, subscriptions, inHand, tenures: createTenures(), problems };
}

function show(metrics: Metrics, stats: LaneStats): void {
  metrics.inFlight.set(stats.inFlight);
  metrics.workerQueue.set(stats.queued);
  for (const [state, count] of Object.entries(stats.lanes)) metrics.lanes.set({ state }, count);
  for (const [state, count] of Object.entries(stats.breakers)) metrics.breakers.set({ state }, count);
}
