import { generateSecret, secretSchema, subscriptionInputShape, type RetryDelay } from '@milena/domain';
import { HttpProblem, type FieldError } from '@milena/http';
import type { SubscriptionInput } from '@milena/stores';
import { z } from 'zod';
import type { SubscriptionsDeps } from './deps.ts';

const shape = subscriptionInputShape;

const secretShape = {
  secret: secretSchema.nullable().optional().meta({
    description:
      'Signs deliveries; never read back. null removes it, absent keeps it. A `whsec_…` one is used as Standard Webhooks says, any other by its own bytes.',
    example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  }),
  generate_secret: z
    .boolean()
    .optional()
    .meta({ description: 'Makes a `whsec_…` secret, which this answer alone shows.' }),
};

/** Everything but target and tenant, each with the value it has when it is not given. */
const optionalShape = {
  event_types: shape.event_types.default([]),
  description: shape.description.default(null),
  enabled: shape.enabled.default(true),
  paused: shape.paused.default(false),
  headers: shape.headers.default({}),
  timeout_ms: shape.timeout_ms.default(null),
  max_in_flight: shape.max_in_flight.default(null),
  rate_limit_per_s: shape.rate_limit_per_s.default(null),
  ingest_limit_per_s: shape.ingest_limit_per_s.default(null),
  retry_delays: shape.retry_delays.default(null),
  metadata: shape.metadata.default({}),
};

type SecretFields = { secret?: string | null | undefined; generate_secret?: boolean | undefined };

function oneSecret(body: SecretFields): boolean {
  return !(body.generate_secret === true && body.secret !== undefined);
}
const twoSecrets = { path: ['generate_secret'], message: 'can not be given together with secret' };

export const createBody = z
  .strictObject({
    target_url: shape.target_url,
    tenant_id: shape.tenant_id
      .optional()
      .meta({ description: 'Whose it is. When absent: the tenant of the API key, or `default`.' }),
    ...optionalShape,
    ...secretShape,
  })
  .refine(oneSecret, twoSecrets)
  .meta({
    id: 'SubscriptionCreate',
    example: {
      target_url: 'https://example.com/hooks',
      event_types: ['order.*'],
      description: 'Orders of the north shop',
      headers: { 'x-shop': 'north' },
      generate_secret: true,
    },
  });

const tenantOfExisting = shape.tenant_id
  .optional()
  .meta({ description: 'Only as it is: a subscription stays with its tenant.' });

export const replaceBody = z
  .strictObject({
    target_url: shape.target_url,
    tenant_id: tenantOfExisting,
    ...optionalShape,
    ...secretShape,
  })
  .refine(oneSecret, twoSecrets)
  .meta({
    id: 'SubscriptionReplace',
    example: { target_url: 'https://example.com/hooks', event_types: ['order.*'], enabled: true },
  });

/** RFC 7396: null takes a field back to its default; in `headers` and `metadata` it takes that entry out. */
export const patchBody = z
  .strictObject({
    target_url: shape.target_url.optional(),
    tenant_id: tenantOfExisting,
    event_types: shape.event_types.nullable().optional(),
    description: shape.description.optional(),
    enabled: shape.enabled.nullable().optional(),
    paused: shape.paused.nullable().optional(),
    headers: z.record(z.string(), z.string().nullable()).nullable().optional(),
    timeout_ms: shape.timeout_ms.optional(),
    max_in_flight: shape.max_in_flight.optional(),
    rate_limit_per_s: shape.rate_limit_per_s.optional(),
    ingest_limit_per_s: shape.ingest_limit_per_s.optional(),
    retry_delays: shape.retry_delays.optional(),
    metadata: z.record(z.string(), z.string().nullable()).nullable().optional(),
    ...secretShape,
  })
  .refine(oneSecret, twoSecrets)
  .meta({ id: 'SubscriptionPatch', example: { event_types: ['order.*'], metadata: { team: 'north' } } });
export type PatchBody = z.infer<typeof patchBody>;

/** A body without its secret, and the secret it asks for: a new one, none (null), or as it is (undefined). */
export function takeSecret<B extends SecretFields>(
  body: B,
): {
  fields: Omit<B, keyof SecretFields>;
  secret: string | null | undefined;
  /** The secret for the answer, when this call made it. */
  shown: string | null;
} {
  const { secret: given, generate_secret: generate, ...fields } = body;
  if (generate !== true) return { fields, secret: given, shown: null };
  const secret = generateSecret();
  return { fields, secret, shown: secret };
}

export function invalidBody(errors: readonly FieldError[]): HttpProblem {
  return new HttpProblem(422, 'invalid-body', 'The body does not fit its schema.', { errors });
}

/**
 * What no schema can know: whether the target may be reached, and which retry delays there are.
 * @throws HttpProblem 422 naming each
 */
export function checkInput(
  input: Partial<Pick<SubscriptionInput, 'target_url' | 'retry_delays'>>,
  deps: Pick<SubscriptionsDeps, 'guard' | 'config'>,
): void {
  const errors = [
    ...(input.target_url === undefined ? [] : targetErrors(input.target_url, deps.guard)),
    ...delayErrors(input.retry_delays ?? [], deps.config.retryDelays),
  ];
  if (errors.length > 0) throw invalidBody(errors);
}

function targetErrors(url: string, guard: SubscriptionsDeps['guard']): FieldError[] {
  // The URL parser would drop or escape these in silence, and the URL stored would not be the URL called.
  if (/[\s\p{Cc}\p{Surrogate}]/u.test(url)) {
    const message = 'must not hold blanks, control characters or half a surrogate pair';
    return [{ path: 'target_url', message }];
  }
  const verdict = guard.checkUrl(url);
  return verdict.ok ? [] : [{ path: 'target_url', message: verdict.reason }];
}

function delayErrors(wanted: readonly string[], configured: readonly RetryDelay[]): FieldError[] {
  const texts = configured.map((delay) => delay.text);
  const available = texts.join(', ');
  return wanted.flatMap((text, i) => {
    const path = `retry_delays[${i}]`;
    const position = texts.indexOf(text);
    if (position === -1) return [{ path, message: `is not one of the configured delays: ${available}` }];
    const previous = i === 0 ? -1 : texts.indexOf(wanted[i - 1] ?? '');
    return position > previous
      ? []
      : [{ path, message: `must follow the order of ${available}, each at most once` }];
  });
}
