import { DELIVERY_STATUSES, eventTypeSchema, idSchema } from '@milena/domain';
import { pageOf, pageQuery, route, type Route } from '@milena/http';
import { z } from 'zod';
import { defined } from '../defined.ts';
import { cancelDelivery, deliveriesOfEvent, findDelivery, findEvent, retryDelivery } from '../deliveries.ts';
import type { RouteDeps } from '../deps.ts';
import { findSubscription } from '../find-subscription.ts';
import { checkOrder, rangeQuery } from '../queries.ts';
import { withCurl } from '../repeat-attempt.ts';
import {
  attemptDetailSchema,
  deliveryDetailSchema,
  deliverySchema,
  queuedSchema,
  toDelivery,
} from '../views.ts';
import { idParams } from './common.ts';

const tag = 'Deliveries';
const PATH = '/api/v1/deliveries/{id}';
/** More than any delivery makes: 16 retries at most, and one first attempt. */
const ALL_ATTEMPTS = 100;

const listQuery = pageQuery.extend({
  status: z.enum(DELIVERY_STATUSES).optional(),
  event_type: eventTypeSchema.optional(),
  ...rangeQuery,
});
const listSchema = pageOf(deliverySchema).meta({ id: 'DeliveryPage' });
const attemptsSchema = pageOf(attemptDetailSchema).meta({ id: 'AttemptDetailPage' });
const replayedSchema = queuedSchema
  .extend({ replay_of: idSchema.meta({ description: 'The delivery that was asked to be retried.' }) })
  .meta({ id: 'Replayed' });

function listOfSubscription({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/v1/subscriptions/{id}/deliveries',
    operation_id: 'listDeliveries',
    tag,
    summary: 'List the deliveries of a subscription, newest first',
    access: 'read',
    params: idParams,
    query: listQuery,
    replies: { 200: { description: 'A page of them.', schema: listSchema } },
    problems: [400, 404],
    handler: async ({ principal, params, query: { limit, cursor, ...filter } }) => {
      checkOrder(filter);
      const deps = as(principal);
      await findSubscription(deps, params.id);
      const page = await deps.deliveries.list(
        { subscription_id: params.id, ...defined(filter) },
        { limit, cursor },
      );
      const now = deps.clock.now();
      return { status: 200, body: { ...page, data: page.data.map((view) => toDelivery(view, now)) } };
    },
  });
}

const eventQuery = pageQuery.extend({
  event_id: idSchema.meta({ description: 'What ingest answered with, and receivers see as `webhook-id`.' }),
  status: z.enum(DELIVERY_STATUSES).optional(),
});

function listOfEvent({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/v1/deliveries',
    operation_id: 'listEventDeliveries',
    tag,
    summary: 'List the deliveries of an event, newest first',
    description:
      'One for each subscription that the event went to, and every replay of these; `filtered` tells that none wanted its ' +
      'type. Found from the moment the id was given out, as a delivery is; of a fan-out the last deliveries may follow some ' +
      'seconds after the first.',
    access: 'read',
    query: eventQuery,
    replies: { 200: { description: 'A page of them.', schema: listSchema } },
    problems: [400, 404, 503],
    handler: async (request) => {
      const { limit, cursor, event_id, ...filter } = request.query;
      const deps = as(request.principal);
      const asked = { event_id, ...defined(filter) };
      const page = await deliveriesOfEvent(deps, asked, { limit, cursor }, request);
      const now = deps.clock.now();
      return { status: 200, body: { ...page, data: page.data.map((view) => toDelivery(view, now)) } };
    },
  });
}

function read({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: PATH,
    operation_id: 'getDelivery',
    tag,
    summary: 'Read a delivery with its attempts',
    description:
      'Found from the moment its id was given out: the answer waits up to ten seconds while the recorder has yet to store ' +
      'it, and is a 503 when that takes longer. A 404 is certain as long as the history is kept (`LOG_RETENTION_HOURS`); ' +
      'what is held is found for as long as it is.',
    access: 'read',
    params: idParams,
    replies: { 200: { description: 'The delivery.', schema: deliveryDetailSchema } },
    problems: [404, 503],
    handler: async (request) => {
      const deps = as(request.principal);
      const { id } = request.params;
      const view = await findDelivery(deps, id, request);
      const page = { limit: ALL_ATTEMPTS, cursor: null };
      const attempts = await deps.attempts.search({ delivery_id: id }, page);
      const delivery = toDelivery(view, deps.clock.now());
      return { status: 200, body: { ...delivery, attempts: await withCurl(deps, attempts.data) } };
    },
  });
}

function attempts({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: `${PATH}/attempts`,
    operation_id: 'listDeliveryAttempts',
    tag,
    summary: 'List the attempts of a delivery, newest first',
    access: 'read',
    params: idParams,
    query: pageQuery,
    replies: { 200: { description: 'A page of them.', schema: attemptsSchema } },
    problems: [400, 404, 503],
    handler: async (request) => {
      const { params, query } = request;
      const deps = as(request.principal);
      await findDelivery(deps, params.id, request);
      const { data, next_cursor } = await deps.attempts.search({ delivery_id: params.id }, query);
      return { status: 200, body: { data: await withCurl(deps, data), next_cursor } };
    },
  });
}

function payload({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: `${PATH}/payload`,
    operation_id: 'getPayload',
    tag,
    summary: 'Read the payload, byte for byte as it was received',
    access: 'read',
    params: idParams,
    replies: {
      200: { description: 'The bytes, with their own content type.', schema: null, content_type: '*/*' },
    },
    problems: [404, 503],
    handler: async (request) => {
      const event = await findEvent(as(request.principal), request.params.id, request);
      return {
        status: 200,
        // Somebody else's bytes: a browser must neither guess what they are nor run them.
        headers: {
          'content-type': event.content_type,
          'x-content-type-options': 'nosniff',
          'content-security-policy': "sandbox; default-src 'none'",
        },
        body: event.payload,
      };
    },
  });
}

function retry({ as }: RouteDeps): Route {
  return route({
    method: 'post',
    path: `${PATH}/retry`,
    operation_id: 'retryDelivery',
    tag,
    summary: 'Deliver the event again, now',
    description:
      'A new delivery with an id of its own and the same event id, to where the first one went: for a replay with ' +
      '`target_url` that is that URL. An open dead letter of the first is marked as replayed.',
    access: 'admin',
    params: idParams,
    replies: { 202: { description: 'Queued.', schema: replayedSchema } },
    problems: [404, 409, 503],
    handler: async (request) => ({
      status: 202,
      body: await retryDelivery(as(request.principal), request.params.id, request),
    }),
  });
}

function cancel({ as }: RouteDeps): Route {
  return route({
    method: 'post',
    path: `${PATH}/cancel`,
    operation_id: 'cancelDelivery',
    tag,
    summary: 'Stop a delivery',
    description: 'No further attempt is begun; one that is under way is finished and may still succeed.',
    access: 'admin',
    params: idParams,
    replies: { 202: { description: 'Cancelled.', schema: deliverySchema } },
    problems: [404, 409, 503],
    handler: async (request) => {
      const deps = as(request.principal);
      const view = await cancelDelivery(deps, request.params.id, request);
      return { status: 202, body: toDelivery(view, deps.clock.now()) };
    },
  });
}

export function deliveryRoutes(deps: RouteDeps): Route[] {
  return [listOfSubscription, listOfEvent, read, attempts, payload, retry, cancel].map((make) => make(deps));
}
