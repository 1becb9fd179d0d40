import { idSchema, tenantIdSchema } from '@milena/domain';
import { route, type Route } from '@milena/http';
import { z } from 'zod';
import { defined } from '../defined.ts';
import type { RouteDeps } from '../deps.ts';
import { findSubscription } from '../find-subscription.ts';
import { rangeQuery, toRange } from '../queries.ts';
import { subscriptionStatsSchema, successRate, toTime, totalsSchema } from '../views.ts';
import { idParams } from './common.ts';

const tag = 'Statistics';
const HOUR_MS = 3_600_000;
/** 10,080 minutes: the longest answer, about 2 MB. */
const LONGEST_MS = 7 * 24 * HOUR_MS;

const totalsQuery = z.strictObject({
  tenant_id: tenantIdSchema.optional(),
  subscription_id: idSchema.optional(),
  ...rangeQuery,
});

function perMinute({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/v1/subscriptions/{id}/stats',
    operation_id: 'getSubscriptionStats',
    tag,
    summary: 'Attempts of a subscription per minute',
    description: 'Of the last hour unless told otherwise; at most seven days at once.',
    access: 'read',
    params: idParams,
    query: z.strictObject(rangeQuery),
    replies: { 200: { description: 'Counts and latencies.', schema: subscriptionStatsSchema } },
    problems: [400, 404],
    handler: async ({ principal, params, query }) => {
      const deps = as(principal);
      const range = toRange(query, deps.clock.now(), { defaultMs: HOUR_MS, maxMs: LONGEST_MS });
      await findSubscription(deps, params.id);
      const filter = { subscription_id: params.id, ...range };
      const [minutes, totals] = await Promise.all([deps.stats.perMinute(filter), deps.stats.totals(filter)]);
      const { success, failed_attempt, failure, p50_ms, p95_ms, p99_ms } = totals;
      return {
        status: 200,
        body: {
          subscription_id: params.id,
          since: toTime(range.since),
          until: toTime(range.until),
          success,
          failed_attempt,
          failure,
          success_rate: successRate(totals),
          p50_ms,
          p95_ms,
          p99_ms,
          minutes: minutes.map((minute) => ({
            ...minute,
            at: toTime(minute.at),
            success_rate: successRate(minute),
          })),
        },
      };
    },
  });
}

function totals({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/v1/stats',
    operation_id: 'getStats',
    tag,
    summary: 'Totals',
    description: 'Of the last 24 hours unless told otherwise.',
    access: 'read',
    query: totalsQuery,
    replies: { 200: { description: 'The totals.', schema: totalsSchema } },
    problems: [400],
    handler: async ({ principal, query: { since, until, ...scope } }) => {
      const deps = as(principal);
      const range = toRange({ since, until }, deps.clock.now(), { defaultMs: 24 * HOUR_MS });
      const counted = await deps.stats.totals({ ...defined(scope), ...range });
      return {
        status: 200,
        body: {
          ...counted,
          since: toTime(range.since),
          until: toTime(range.until),
          success_rate: successRate(counted),
        },
      };
    },
  });
}

export function statsRoutes(deps: RouteDeps): Route[] {
  return [perMinute(deps), totals(deps)];
}
