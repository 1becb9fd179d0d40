import type { Route } from '@milena/http';
import type { RouteDeps, SubscriptionsDeps } from './deps.ts';
import { createLiveTail } from './live-tail/live-tail.ts';
import { createMaintenance } from './maintenance.ts';
import { narrow } from './narrow.ts';
import { createNotifier } from './operator/notifier.ts';
import { createHeldCount, createReleaser } from './releaser.ts';
import { createReplayRunner } from './replays/runner.ts';
import { createReseal } from './reseal.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { attemptRoutes } from './routes/attempts.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { eventTypeRoutes } from './routes/event-types.ts';
import { ledgerRoutes } from './routes/ledger.ts';
import { replayRoutes } from './routes/replays.ts';
import { resumeRoutes } from './routes/resume.ts';
import { secretRoutes } from './routes/secret.ts';
import { statsRoutes } from './routes/stats.ts';
import { subscriptionRoutes } from './routes/subscriptions.ts';
import { testEventRoutes } from './routes/test-event.ts';

export type { SubscriptionsConfig, SubscriptionsDeps } from './deps.ts';

const MAX_LISTENERS = 100;
/** One caller may take so much of the room: a fifth. */
const SHARES = 5;

export interface SubscriptionsHealth {
  /** Clients of the live tail. */
  listeners: number;
  /** Why the last round of maintenance failed, or null. */
  maintenance_error: string | null;
}

export interface SubscriptionsService {
  /** For the API server. */
  routes: Route[];
  /**
   * Begins to release what need not be held, to carry on replays, to tell the operator, to seal secrets of a key before
   * anew, and the hourly maintenance; resolves after the first round of that. Never rejects: the API works without.
   */
  start(): Promise<void>;
  /** Ends every live stream and waits for maintenance under way. Call it before the server is stopped. */
  stop(): Promise<void>;
  health(): SubscriptionsHealth;
}

/** The management and query API, and the upkeep of the tables behind it. */
export function createSubscriptionsService(deps: SubscriptionsDeps): SubscriptionsService {
  const { attempts, clock, logger, config } = deps;
  const all = config.maxListeners ?? MAX_LISTENERS;
  const bounds = { all, each: Math.ceil(all / SHARES) };
  const liveTail = createLiveTail({ attempts, clock, logger, bounds });
  const maintenance = createMaintenance(deps);
  const others = [
    createReseal(deps),
    createReleaser(deps),
    createHeldCount(deps),
    createReplayRunner(deps),
    createNotifier(deps),
  ];
  const routeDeps: RouteDeps = { as: (caller) => narrow(deps, liveTail.of(caller), caller) };
  return {
    routes: [
      ...subscriptionRoutes(routeDeps),
      ...secretRoutes(routeDeps),
      ...resumeRoutes(routeDeps),
      ...testEventRoutes(routeDeps),
      ...deliveryRoutes(routeDeps),
      ...attemptRoutes(routeDeps),
      ...deadLetterRoutes(routeDeps),
      ...replayRoutes(routeDeps),
      ...statsRoutes(routeDeps),
      ...ledgerRoutes(routeDeps),
      ...eventTypeRoutes(routeDeps),
      ...apiKeyRoutes(routeDeps),
    ],
    start: async () => {
      for (const one of others) void one.start();
      await maintenance.start();
    },
    stop: async () => {
      liveTail.close();
      await Promise.all([maintenance, ...others].map((one) => one.stop()));
    },
    health: () => ({ listeners: liveTail.listeners(), maintenance_error: maintenance.lastError() }),
  };
}
