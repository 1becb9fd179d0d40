import { idSchema, validSecrets, verifySignature, type LiveSubscription } from '@milena/domain';
import {
  HttpProblem,
  isOpen,
  notFound,
  parseJsonBody,
  route,
  type Principal,
  type Route,
  type RouteRequest,
} from '@milena/http';
import { z } from 'zod';
import { countRefusals } from '../refusals.ts';
import { idempotencyKeyOf, traceparentOf, typeOf } from '../request-headers.ts';
import { EVENT_HEADERS, JSON_TYPES, REPLAYED_NOTE, replayedHeader, type RouteDeps } from './deps.ts';

const paramsSchema = z.object({ subscription_id: idSchema });
const querySchema = z.object({ event_type: z.string().optional() });
type Request = RouteRequest<z.infer<typeof paramsSchema>, z.infer<typeof querySchema>, Buffer>;

const replySchema = z
  .object({
    event_id: idSchema,
    delivery_id: idSchema.nullable().meta({ description: 'null when the event was filtered.' }),
    status: z.enum(['queued', 'filtered']),
  })
  .meta({ id: 'IngestedEvent' });

/** True when the caller's key alone allows it to send events. Where no key is configured, nobody has proved anything. */
function hasIngestKey(principal: Principal | null): boolean {
  if (principal === null || isOpen(principal)) return false;
  return principal.scopes.includes('ingest') || principal.scopes.includes('admin');
}

/** @throws HttpProblem 401 or 403 */
function checkAccess(live: LiveSubscription, request: Request, nowMs: number): void {
  if (live.secrets?.length === 0 || hasIngestKey(request.principal)) return;
  if (live.secrets === null) {
    const detail =
      'The secret of the subscription lies under another SECRETS_KEY, so no signature can be checked.';
    throw new HttpProblem(503, 'secret-unreadable', detail, { headers: { 'retry-after': '60' } });
  }
  const { headers, body, principal } = request;
  const check = verifySignature({ secrets: validSecrets(live, nowMs), headers, payload: body, nowMs });
  if (check.ok) return;
  if (principal !== null && !isOpen(principal)) {
    throw new HttpProblem(403, 'forbidden', `The API key lacks the scope ingest. ${check.reason}`);
  }
  throw new HttpProblem(401, 'signature-invalid', check.reason, {
    headers: { 'www-authenticate': 'Bearer realm="milena"' },
  });
}

/** @throws HttpProblem 429 */
function checkRate(deps: RouteDeps, { subscription }: LiveSubscription): void {
  const limit = subscription.ingest_limit_per_s;
  if (limit === null) return;
  const waitS = deps.limiter.take(subscription.id, limit);
  if (waitS === 0) return;
  throw new HttpProblem(429, 'rate-limited', `The subscription takes ${limit} events a second.`, {
    headers: { 'retry-after': String(waitS) },
  });
}

/** Refusals come in the order: who is it for, who sends it, can it be taken, is it well-formed, is it too much. */
async function ingest(deps: RouteDeps, request: Request) {
  const { headers, body, params, query } = request;
  const live = await deps.directoryOf(request.principal).get(params.subscription_id);
  if (live === null) throw notFound('subscription');
  checkAccess(live, request, deps.clock.now());
  const { subscription } = live;
  if (!subscription.enabled) {
    throw new HttpProblem(409, 'subscription-disabled', 'The subscription is disabled; it takes no events.');
  }
  const event_type = typeOf(headers, query, parseJsonBody(body));
  const idempotency_key = idempotencyKeyOf(headers);
  checkRate(deps, live);
  const { answer, replayed } = await deps.acceptEvent({
    tenant_id: subscription.tenant_id,
    event_type,
    content_type: headers['content-type'] ?? 'application/json',
    traceparent: traceparentOf(headers),
    payload: body,
    idempotency_key,
    addressed_to: subscription.id,
    subscriptions: [live],
  });
  const delivery_id = answer.deliveries[0]?.delivery_id ?? null;
  const status = delivery_id === null ? 'filtered' : 'queued';
  return {
    status: 202,
    body: { event_id: answer.event_id, delivery_id, status },
    ...replayedHeader(replayed),
  };
}

/** `POST /ingest/{subscription_id}`: one event for one subscription, from senders that have no key of ours. */
export function postIngest(deps: RouteDeps): Route {
  return route({
    method: 'post',
    path: '/ingest/{subscription_id}',
    aliases: ['/api/v1/ingest/{subscription_id}'],
    operation_id: 'ingest',
    tag: 'Ingest',
    summary: 'Send an event to one subscription',
    description:
      'Answers once the event is durable. When the subscription has a secret, the request must be signed with it (X-Hub-Signature-256 or Standard Webhooks) or carry an API key with the scope ingest. Also at /api/v1/ingest/{subscription_id}.',
    access: 'optional',
    params: paramsSchema,
    query: querySchema,
    headers: {
      ...EVENT_HEADERS,
      'X-GitHub-Event': { description: 'Type of the event, from GitHub.' },
      'X-Hub-Signature-256': {
        description: "sha256=<hex>: HMAC-SHA256 of the body, the key being the secret's characters.",
      },
      'webhook-id': { description: 'Standard Webhooks: id of the message.' },
      'webhook-timestamp': {
        description: 'Standard Webhooks: seconds since 1970, at most five minutes away.',
      },
      'webhook-signature': { description: 'Standard Webhooks: v1,<base64>, several separated by spaces.' },
    },
    body: {
      kind: 'raw',
      content_types: JSON_TYPES,
      limit: deps.maxPayloadBytes,
      description: `Any JSON value of at most ${deps.maxPayloadBytes} bytes, kept byte for byte.`,
      example: { type: 'order.created', order: 4711 },
    },
    replies: {
      202: {
        description: `The event will be delivered, or was filtered because the subscription does not want its type. ${REPLAYED_NOTE}`,
        schema: replySchema,
      },
    },
    problems: [400, 401, 403, 404, 409, 413, 415, 422, 429, 503],
    handler: countRefusals(deps.metrics, (request: Request) => ingest(deps, request)),
  });
}
