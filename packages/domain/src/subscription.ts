import { z } from 'zod';
import { durationSchema } from './duration.ts';
import { idSchema } from './id.ts';
import { textSchema } from './text.ts';

export const TENANT_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
export const DEFAULT_TENANT = 'default';

export const tenantIdSchema = z
  .string()
  .regex(TENANT_PATTERN, 'must be 1 to 128 letters, digits or . _ : -, beginning with a letter or digit')
  .meta({ example: 'default' });

/** An event type: dot-separated words, `order.created`. */
export const eventTypeSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'must be words of letters, digits, _ or -, joined by dots')
  .max(128)
  .meta({ example: 'order.created' });

/** An event type or a wildcard over its last words: `order.*`. */
export const eventTypePatternSchema = z
  .string()
  .regex(
    /^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/,
    'must be an event type such as order.created, or order.*',
  )
  .max(130)
  .meta({ example: 'order.*' });

/** Headers a subscription may not set: ours, hop-by-hop ones (RFC 9110 section 7.6.1) and those that frame the message. */
const RESERVED_HEADER =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-length|content-type|expect|user-agent|webhook-.*|x-milena-.*|x-hub-signature.*|x-event-type|traceparent|tracestate)$/i;

export const customHeadersSchema = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'must be an HTTP header name')
      .refine((name) => !RESERVED_HEADER.test(name), 'is set by Milena or by HTTP itself'),
    z
      .string()
      .max(4096)
      .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be printable Latin-1, without line breaks'),
  )
  .refine((headers) => Object.keys(headers).length <= 32, 'at most 32 headers')
  .refine(
    (headers) =>
      new Set(Object.keys(headers).map((name) => name.toLowerCase())).size === Object.keys(headers).length,
    'a header is given twice (names are compared without regard to case)',
  );

/**
 * Headers by which a subscription proves itself to its endpoint: `authorization`, `cookie`, `x-api-key`, `x-authtoken`, …
 * Told by a part of the name, as everybody names them otherwise: a mask too many is a nuisance, one too few a leak. Of
 * `auth` those are left out that go on as in `author` and `authority`, but for `authorization`; short words must stand by
 * themselves, `key` at the end of one: `x-appkey` and `x-key-id`, but not `x-keyword`.
 */
const CREDENTIAL_HEADER =
  /auth(?!or(?!i[sz]))|token|secret|passw|passphrase|passcode|cookie|credential|session|signature|jwt|bearer|api[-_.]?key|keys?(?![a-z])|(?<![a-z])(pass|pwd|sig|hmac)(?![a-z])/i;
/** What is shown in place of a credential, and what a write sends back for "as it is". */
export const CREDENTIAL_MASK = '***';

export function isCredentialHeader(name: string): boolean {
  return CREDENTIAL_HEADER.test(name);
}

/** The headers as they may be shown: those that hold credentials are named, their values are not. */
export function maskCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]): [string, string] => [
    name,
    isCredentialHeader(name) ? CREDENTIAL_MASK : value,
  ]);
  return Object.fromEntries(entries);
}

export const HEALTHS = ['healthy', 'failing', 'open', 'disabled'] as const;
/** `open`: the breaker is open. `failing`: the last attempt failed. */
export type Health = (typeof HEALTHS)[number];

/** What a caller may set. Every limit that is null falls back to the service's own default. */
export const subscriptionInputShape = {
  target_url: z.string().max(2048).meta({
    description: 'Where deliveries are POSTed. http or https.',
    example: 'https://example.com/hooks',
  }),
  tenant_id: tenantIdSchema,
  event_types: z
    .array(eventTypePatternSchema)
    .max(100)
    .meta({ description: 'Event types to deliver; empty means all.', example: ['order.*'] }),
  description: textSchema(1000).nullable(),
  enabled: z.boolean(),
  paused: z.boolean().meta({
    description: 'While true, events are accepted and held; they are delivered, in order, once it is false.',
  }),
  headers: customHeadersSchema.meta({
    description:
      'Sent with every delivery. Values that may prove something (Authorization, Cookie, names with auth, token, secret, password, credential, session, signature, jwt or bearer in them, or with a word that ends in key) are shown as `***`; sent back like that they stay as they are.',
    example: { 'x-shop': 'north' },
  }),
  timeout_ms: z.int().min(100).max(60_000).nullable().meta({ description: 'Deadline of one attempt.' }),
  max_in_flight: z.int().min(1).max(512).nullable().meta({ description: 'Attempts at once.' }),
  rate_limit_per_s: z.number().min(0.01).max(10_000).nullable().meta({ description: 'Attempts a second.' }),
  ingest_limit_per_s: z.number().min(0.01).max(100_000).nullable().meta({
    description: 'Events a second that POST /ingest takes for this subscription, per ingest process.',
  }),
  retry_delays: z
    .array(durationSchema)
    .max(16)
    .nullable()
    .meta({
      description: 'Some of the configured RETRY_DELAYS, in order; empty means no retries.',
      example: ['10s', '5m'],
    }),
  metadata: z
    .record(textSchema(64).min(1), textSchema(500))
    .refine((metadata) => Object.keys(metadata).length <= 50, 'at most 50 entries'),
} as const;

/** A subscription as it is stored, cached and read back. The secret is never part of it. */
export const subscriptionSchema = z
  .object({
    id: idSchema,
    ...subscriptionInputShape,
    tenant_id: z.string().meta({ description: '`_operator`: the one of the operator.', example: 'default' }),
    disabled_reason: z.string().nullable(),
    has_secret: z.boolean(),
    health: z.enum(HEALTHS),
    failing_since: z.iso.datetime().nullable(),
    version: z.int().meta({ description: 'Grows with every change; the ETag.' }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Subscription' });
export type Subscription = z.infer<typeof subscriptionSchema>;

/** A signing secret in plain text. Only ever in memory. */
export interface Secret {
  value: string;
  /** End of a rotation's grace period, ms since the epoch; null for the current secret. */
  expires_at: number | null;
}

/** Everything the ingest and delivery paths need of a subscription, in one cacheable piece. */
export interface LiveSubscription {
  subscription: Subscription;
  /** Current secret first; null: it can't be read, for it lies under another SECRETS_KEY. */
  secrets: readonly Secret[] | null;
  /** Deliveries to end without a further POST. */
  cancelled: ReadonlySet<string>;
}

/** Secrets that are valid at `nowMs`, the current one first. @throws RangeError when they can't be read */
export function validSecrets({ subscription, secrets }: LiveSubscription, nowMs: number): string[] {
  if (secrets === null) throw new RangeError(`the secrets of ${subscription.id} can't be read`);
  return secrets.filter((s) => s.expires_at === null || s.expires_at > nowMs).map((s) => s.value);
}

/** True when the subscription wants events of this type. An event without a type reaches only those that want all. */
export function wantsEventType(patterns: readonly string[], eventType: string | null): boolean {
  if (patterns.length === 0) return true;
  return patterns.some((pattern) => {
    if (pattern === '*') return true;
    if (eventType === null) return false;
    if (pattern.endsWith('.*')) return eventType.startsWith(pattern.slice(0, -1));
    return pattern === eventType;
  });
}
