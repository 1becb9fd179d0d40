import { DEFAULT_TENANT, eventTypeOf, tenantIdSchema } from '@milena/domain';
import { HttpProblem, tenantAsked, type Principal } from '@milena/http';

type Headers = Readonly<Record<string, string | undefined>>;

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
export const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;
export const IDEMPOTENCY_KEY_RULE = 'must be 1 to 255 printable ASCII characters';

/** The trace to carry on (W3C Trace Context); a malformed one is dropped, as that recommendation asks. */
export function traceparentOf(headers: Headers): string | null {
  const traceparent = headers['traceparent'];
  return traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : null;
}

/**
 * `Idempotency-Key`, or the `webhook-id` of another sender of Standard Webhooks, which repeats it on its retries.
 * @throws HttpProblem 400
 */
export function idempotencyKeyOf(headers: Headers): string | null {
  const name = headers['idempotency-key'] === undefined ? 'webhook-id' : 'Idempotency-Key';
  const key = headers['idempotency-key'] ?? headers['webhook-id'];
  if (key === undefined) return null;
  if (IDEMPOTENCY_KEY.test(key)) return key;
  throw new HttpProblem(400, 'invalid-idempotency-key', `${name} ${IDEMPOTENCY_KEY_RULE}.`);
}

/**
 * `X-Tenant-Id`, or `tenant_id` of the query, or the only tenant that the caller's key knows, or the default one.
 * @throws HttpProblem 400, or 404 for a tenant that the key does not know
 */
export function tenantOf(
  headers: Headers,
  query: { tenant_id?: string | undefined },
  caller: Principal | null,
): string {
  const header = headers['x-tenant-id'];
  const named = header ?? query.tenant_id;
  const result = tenantIdSchema.optional().safeParse(named);
  if (result.success) return tenantAsked(caller, named) ?? DEFAULT_TENANT;
  const name = header === undefined ? 'tenant_id' : 'X-Tenant-Id';
  throw new HttpProblem(
    400,
    'invalid-tenant-id',
    `${name} ${result.error.issues[0]?.message ?? 'is wrong'}.`,
  );
}

/**
 * The event's type by the rules of `eventTypeOf`.
 * @throws HttpProblem 400 when header or query say something that is no event type
 */
export function typeOf(
  headers: Headers,
  query: { event_type?: string | undefined },
  body: unknown,
): string | null {
  const result = eventTypeOf({
    header: headers['x-event-type'],
    query: query.event_type,
    githubHeader: headers['x-github-event'],
    body,
  });
  if (result.ok) return result.event_type;
  throw new HttpProblem(400, 'invalid-event-type', `${result.where} ${result.message}.`);
}
