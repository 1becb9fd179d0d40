import { eventTypeSchema, idSchema, OUTCOMES, tenantIdSchema } from '@milena/domain';
import { HttpProblem, pageQuery, route, type Route } from '@milena/http';
import { BadCursorError } from '@milena/stores';
import { z } from 'zod';
import { defined } from '../defined.ts';
import type { RouteDeps } from '../deps.ts';
import { findSubscription } from '../find-subscription.ts';
import { checkOrder, rangeQuery } from '../queries.ts';
import { attemptPageSchema, idParams } from './common.ts';

const tag = 'Attempts';

const filterOfSubscription = {
  outcome: z.enum(OUTCOMES).optional(),
  event_type: eventTypeSchema.optional(),
  ...rangeQuery,
};
const searchQuery = pageQuery.extend({
  tenant_id: tenantIdSchema.optional(),
  subscription_id: idSchema.optional(),
  ...filterOfSubscription,
});
const streamQuery = z.strictObject({
  subscription_id: idSchema.optional(),
  outcome: z.enum(OUTCOMES).optional(),
});

function listOfSubscription({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/v1/subscriptions/{id}/attempts',
    operation_id: 'listSubscriptionAttempts',
    tag,
    summary: 'List the attempts of a subscription, newest first',
    access: 'read',
    params: idParams,
    query: pageQuery.extend(filterOfSubscription),
    replies: { 200: { description: 'A page of them.', schema: attemptPageSchema } },
    problems: [400, 404],
    handler: async ({ principal, params, query: { limit, cursor, ...filter } }) => {
      checkOrder(filter);
      const deps = as(principal);
      await findSubscription(deps, params.id);
      const whole = { subscription_id: params.id, ...defined(filter) };
      return { status: 200, body: await deps.attempts.search(whole, { limit, cursor }) };
    },
  });
}

function search({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/v1/attempts',
    operation_id: 'searchAttempts',
    tag,
    summary: 'Search attempts, newest first',
    access: 'read',
    query: searchQuery,
    replies: { 200: { description: 'A page of them.', schema: attemptPageSchema } },
    problems: [400],
    handler: async ({ principal, query: { limit, cursor, ...filter } }) => {
      checkOrder(filter);
      return { status: 200, body: await as(principal).attempts.search(defined(filter), { limit, cursor }) };
    },
  });
}

function stream({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/v1/attempts/stream',
    operation_id: 'streamAttempts',
    tag,
    summary: 'Follow attempts as they happen',
    description:
      'Server-sent events. `attempt`: data is an Attempt. `closed`: the last event, data is `{"reason"}`. A client that reconnects with Last-Event-ID gets what it missed; an attempt may then come twice, so go by its id.',
    access: 'read',
    query: streamQuery,
    headers: { 'Last-Event-ID': { description: 'Go on from this id of an earlier stream.' } },
    replies: {
      200: { description: 'The stream.', schema: null, content_type: 'text/event-stream' },
    },
    problems: [400, 503],
    handler: async ({ principal, query, headers, signal }) => {
      const { liveTail } = as(principal);
      const resumeFrom = headers['last-event-id'] ?? '';
      try {
        const body = await liveTail.listen(defined(query), resumeFrom === '' ? null : resumeFrom, signal);
        return { status: 200, body };
      } catch (error) {
        if (!(error instanceof BadCursorError)) throw error;
        throw new HttpProblem(400, 'bad-last-event-id', 'The Last-Event-ID is none that a stream gave out.');
      }
    },
  });
}

export function attemptRoutes(deps: RouteDeps): Route[] {
  return [listOfSubscription(deps), search(deps), stream(deps)];
}
