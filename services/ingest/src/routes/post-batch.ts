import type { LiveSubscription } from '@milena/domain';
import { HttpProblem, problemDetails, route, type Route, type RouteRequest } from '@milena/http';
import { z } from 'zod';
import type { IncomingEvent } from '../accept-event.ts';
import { weightOf } from '../append-batcher.ts';
import { ENVELOPE_BYTES, MAX_BATCH_ITEMS, readBatch, type BatchItem } from '../batch-request.ts';
import { asRefusal, countRefusals } from '../refusals.ts';
import { tenantOf, traceparentOf } from '../request-headers.ts';
import { JSON_TYPES, type RouteDeps } from './deps.ts';
import { acceptedEventSchema } from './post-event.ts';

const querySchema = z.object({ tenant_id: z.string().optional() });
type Request = RouteRequest<undefined, z.infer<typeof querySchema>, Buffer>;

/** A body is in memory as a whole while it is read, so it is kept well below what 1,000 largest events would make. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** What one batch has on its way to the log at a time: an eighth of what may wait there in all. */
const MAX_SLICE_BYTES = 8 * 1024 * 1024;

const itemErrorSchema = z
  .object({
    error: z.object({ type: z.string(), title: z.string(), status: z.int(), detail: z.string() }),
  })
  .meta({ id: 'RefusedEvent', description: 'This event was not accepted; the others are not affected.' });
const replySchema = z.object({ results: z.array(z.union([acceptedEventSchema, itemErrorSchema])) });
type ItemResult = z.infer<typeof replySchema>['results'][number];

async function address(
  directory: ReturnType<RouteDeps['directoryOf']>,
  items: readonly BatchItem[],
  { fallback, traceparent }: { fallback: string; traceparent: string | null },
): Promise<IncomingEvent[]> {
  const tenants = new Map<string, readonly LiveSubscription[]>();
  for (const item of items) tenants.set(item.tenant_id ?? fallback, []);
  await Promise.all(
    [...tenants.keys()].map(async (tenant) => tenants.set(tenant, await directory.ofTenant(tenant))),
  );
  return items.map(({ tenant_id: own, event_type, idempotency_key, payload }) => {
    const tenant_id = own ?? fallback;
    // No spread: V8 may make a hidden class, some 4 µs, for each object that begins with one and gains a field after it.
    return {
      tenant_id,
      event_type,
      content_type: 'application/json',
      traceparent,
      payload,
      idempotency_key,
      addressed_to: null,
      subscriptions: tenants.get(tenant_id) ?? [],
    };
  });
}

/** Cuts a batch into pieces that fit into the append backlog together with other requests. */
function* slices(items: readonly IncomingEvent[]): Generator<IncomingEvent[]> {
  let slice: IncomingEvent[] = [];
  let weight = 0;
  for (const item of items) {
    slice.push(item);
    weight += weightOf(item.payload.length, Math.max(1, item.subscriptions.length));
    if (weight < MAX_SLICE_BYTES) continue;
    yield slice;
    slice = [];
    weight = 0;
  }
  if (slice.length > 0) yield slice;
}

/** The events of one slice, in order: each is accepted, or refused by itself. */
function takeSlice(deps: RouteDeps, slice: readonly IncomingEvent[]): Promise<(ItemResult | HttpProblem)[]> {
  return Promise.all(
    slice.map(async (event) => {
      try {
        const accepted = await deps.acceptEvent(event);
        return accepted.answer;
      } catch (error) {
        const refusal = asRefusal(error);
        if (refusal instanceof HttpProblem) return refusal;
        throw error;
      }
    }),
  );
}

/** True when going on makes no sense: what failed this event fails the next one too. */
function isOutage(result: ItemResult | HttpProblem): result is HttpProblem {
  return result instanceof HttpProblem && result.slug === 'unavailable';
}

async function takeBatch(deps: RouteDeps, request: Request) {
  const fallback = tenantOf(request.headers, request.query, request.principal);
  const traceparent = traceparentOf(request.headers);
  const directory = deps.directoryOf(request.principal);
  const batch = await readBatch(request.body, deps.maxPayloadBytes);
  const items = await address(directory, batch, { fallback, traceparent });
  const results: (ItemResult | HttpProblem)[] = [];
  for (const slice of slices(items)) {
    const outage = results.find(isOutage);
    // The rest would wait for the same and fail: it is refused without being tried.
    if (outage) results.push(...slice.map(() => outage));
    else results.push(...(await takeSlice(deps, slice)));
  }
  const outage = results.find(isOutage);
  if (outage && results.every(isOutage)) throw outage;
  const body: z.infer<typeof replySchema> = { results: [] };
  for (const result of results) {
    const refused = result instanceof HttpProblem;
    if (refused) deps.metrics.ingestRefused.inc({ reason: result.slug });
    body.results.push(refused ? { error: problemDetails(result) } : result);
  }
  return { status: 202, body };
}

/** `POST /api/v1/events/batch`: many events at once, each like one of `POST /api/v1/events`. */
export function postBatch(deps: RouteDeps): Route {
  const limit = Math.max(MAX_BODY_BYTES, deps.maxPayloadBytes + ENVELOPE_BYTES);
  return route({
    method: 'post',
    path: '/api/v1/events/batch',
    operation_id: 'publishEvents',
    tag: 'Ingest',
    summary: `Publish up to ${MAX_BATCH_ITEMS} events`,
    description:
      'The body is checked as a whole: one malformed event and none is accepted. After that each event stands for itself: its result is what it was accepted as, or an error (its idempotency key was used with another event; the log could not take it). A 503 promises nothing about any of them: send them again, with their idempotency keys.',
    access: 'ingest',
    query: querySchema,
    headers: {
      'X-Tenant-Id': {
        description:
          'Tenant of the events that name none. Also as the query parameter tenant_id. When absent: the tenant of the API key, or `default`.',
        example: 'default',
      },
      traceparent: { description: 'W3C trace context; sent on with every attempt.' },
    },
    body: {
      kind: 'raw',
      content_types: JSON_TYPES,
      limit,
      description: `A JSON array of 1 to ${MAX_BATCH_ITEMS} events \`{tenant_id?, event_type, payload, idempotency_key?}\`. Each payload is any JSON value of at most ${deps.maxPayloadBytes} bytes and keeps its own text, byte for byte; the whole body is at most ${limit} bytes.`,
      example: [
        { event_type: 'order.created', payload: { order: 4711 }, idempotency_key: 'order-4711-created' },
      ],
    },
    replies: { 202: { description: 'One result per event, in order.', schema: replySchema } },
    problems: [400, 401, 403, 404, 413, 415, 422, 503],
    handler: countRefusals(deps.metrics, (request: Request) => takeBatch(deps, request)),
  });
}
