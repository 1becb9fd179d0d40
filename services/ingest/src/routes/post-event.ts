import { idSchema } from '@milena/domain';
import { parseJsonBody, route, type Route, type RouteRequest } from '@milena/http';
import { z } from 'zod';
import { countRefusals } from '../refusals.ts';
import { idempotencyKeyOf, tenantOf, traceparentOf, typeOf } from '../request-headers.ts';
import { EVENT_HEADERS, JSON_TYPES, REPLAYED_NOTE, replayedHeader, type RouteDeps } from './deps.ts';

const querySchema = z.object({ event_type: z.string().optional(), tenant_id: z.string().optional() });
type Request = RouteRequest<undefined, z.infer<typeof querySchema>, Buffer>;

export const acceptedEventSchema = z
  .object({
    event_id: idSchema,
    deliveries: z
      .array(z.object({ delivery_id: idSchema, subscription_id: idSchema }))
      .meta({ description: 'One for each subscription that wants the event; empty when none does.' }),
  })
  .meta({ id: 'AcceptedEvent' });

async function takeEvent(deps: RouteDeps, request: Request) {
  const { headers, query, body, principal } = request;
  const event_type = typeOf(headers, query, parseJsonBody(body));
  const tenant_id = tenantOf(headers, query, principal);
  const idempotency_key = idempotencyKeyOf(headers);
  const { answer, replayed } = await deps.acceptEvent({
    tenant_id,
    event_type,
    content_type: headers['content-type'] ?? 'application/json',
    traceparent: traceparentOf(headers),
    payload: body,
    idempotency_key,
    addressed_to: null,
    subscriptions: await deps.directoryOf(principal).ofTenant(tenant_id),
  });
  return { status: 202, body: answer, ...replayedHeader(replayed) };
}

/** `POST /api/v1/events`: one event for every subscription of the tenant that wants its type. */
export function postEvent(deps: RouteDeps): Route {
  return route({
    method: 'post',
    path: '/api/v1/events',
    operation_id: 'publishEvent',
    tag: 'Ingest',
    summary: "Publish an event to the tenant's subscriptions that want its type",
    description: 'Answers once the event is durable, with one delivery per subscription.',
    access: 'ingest',
    query: querySchema,
    headers: {
      'X-Tenant-Id': {
        description:
          'Whose event it is. Also as the query parameter tenant_id. When absent: the tenant of the API key, or `default`.',
        example: 'default',
      },
      ...EVENT_HEADERS,
    },
    body: {
      kind: 'raw',
      content_types: JSON_TYPES,
      limit: deps.maxPayloadBytes,
      description: `The payload: any JSON value of at most ${deps.maxPayloadBytes} bytes, kept byte for byte.`,
      example: { type: 'order.created', order: 4711 },
    },
    replies: {
      202: { description: `The event is durable. ${REPLAYED_NOTE}`, schema: acceptedEventSchema },
    },
    problems: [400, 401, 403, 404, 413, 415, 422, 503],
    handler: countRefusals(deps.metrics, (request: Request) => takeEvent(deps, request)),
  });
}
