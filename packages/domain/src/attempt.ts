import { z } from 'zod';
import { idSchema } from './id.ts';

export const ERROR_KINDS = [
  'http_status',
  'timeout',
  'dns',
  'connect',
  'tls',
  'reset',
  'blocked_target',
  'invalid_response',
  'expired',
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** `success` = 2xx; `failed_attempt` = failed, will be tried again; `failure` = failed for good. */
export const OUTCOMES = ['success', 'failed_attempt', 'failure'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** How outcomes are shown to people. */
export const OUTCOME_LABELS = {
  success: 'Success',
  failed_attempt: 'Failed Attempt',
  failure: 'Failure',
} as const satisfies Record<Outcome, string>;

/** Durations of the phases of one attempt in ms; null = phase not reached, or no new connection was needed. */
export interface Timings {
  dns_ms: number | null;
  connect_ms: number | null;
  tls_ms: number | null;
  first_byte_ms: number | null;
}

/** What one POST to an endpoint came to. A failure of the endpoint is a value, never an exception. */
export interface PostResult {
  ok: boolean;
  http_status: number | null;
  /** null when ok. */
  error_kind: ErrorKind | null;
  /** One sentence for people; empty when ok. */
  error_detail: string;
  /** `Retry-After` as received, if any. */
  retry_after: string | null;
  response_headers: Record<string, string>;
  /** First 4 KiB, as text. */
  response_body: string;
  resolved_address: string | null;
  /** ms since the epoch. */
  started_at: number;
  duration_ms: number;
  timings: Timings;
}

/** One attempt as it is logged, stored and read back (times as ms since the epoch here; RFC 3339 in the API). */
export interface Attempt {
  attempt_id: string;
  delivery_id: string;
  event_id: string;
  tenant_id: string;
  subscription_id: string;
  event_type: string | null;
  target_url: string;
  attempt_number: number;
  accepted_at: number;
  started_at: number;
  duration_ms: number;
  dns_ms: number | null;
  connect_ms: number | null;
  tls_ms: number | null;
  first_byte_ms: number | null;
  resolved_address: string | null;
  subscription_version: number;
  breaker_state: 'closed' | 'open' | 'half_open';
  /** State of the lane when the attempt began: `healthy` or `unhealthy`. */
  lane_state: 'healthy' | 'unhealthy';
  outcome: Outcome;
  http_status: number | null;
  error_kind: ErrorKind | null;
  error_detail: string;
  response_headers: Record<string, string>;
  response_body: string;
  /** ms since the epoch; null when nothing follows. */
  next_attempt_at: number | null;
  /** Why the next time was chosen, or why nothing follows. */
  next_reason: string;
  replay_of: string | null;
  /**
   * The same attempt may have been sent before: by a worker that had the delivery and ended without a word, so that the
   * target may have seen one request more than there are attempts, or because the delivery may be in the log twice.
   */
  may_repeat: boolean;
  /** Which worker made it. */
  worker: string;
}

export const DISPOSITIONS = [
  'filtered',
  'deferred',
  'held',
  'resumed',
  'cancelled',
  'expired',
  'dead_lettered',
] as const;
export type DispositionKind = (typeof DISPOSITIONS)[number];

/** What became of a delivery other than by an attempt. One per delivery and kind counts; of `held` and `resumed` the latest. */
export interface Disposition {
  delivery_id: string;
  event_id: string;
  tenant_id: string;
  subscription_id: string;
  event_type: string | null;
  /** ms since the epoch. */
  at: number;
  what: DispositionKind;
  why: string;
  /** For `deferred`: when it will be looked at again, ms since the epoch. */
  next_attempt_at: number | null;
}

/** An accepted event as it is stored: one row per delivery; for a filtered event the delivery exists on paper only. */
export interface EventRow {
  delivery_id: string;
  event_id: string;
  tenant_id: string;
  subscription_id: string;
  event_type: string | null;
  content_type: string;
  payload: Buffer;
  accepted_at: number;
  replay_of: string | null;
  /** Where it was to go instead of to the subscription's own URL; null = there. */
  target_url: string | null;
  traceparent: string | null;
}

const time = z.iso.datetime();

/** An attempt as the API shows it. */
export const attemptSchema = z
  .object({
    id: idSchema,
    delivery_id: idSchema,
    event_id: idSchema,
    tenant_id: z.string(),
    subscription_id: idSchema,
    event_type: z.string().nullable(),
    target_url: z.string(),
    attempt_number: z.int(),
    started_at: time,
    duration_ms: z.number(),
    timings: z.object({
      dns_ms: z.number().nullable(),
      connect_ms: z.number().nullable(),
      tls_ms: z.number().nullable(),
      first_byte_ms: z.number().nullable(),
    }),
    resolved_address: z.string().nullable(),
    subscription_version: z.int(),
    breaker_state: z.enum(['closed', 'open', 'half_open']),
    lane_state: z.enum(['healthy', 'unhealthy']),
    outcome: z.enum(OUTCOMES),
    outcome_label: z.enum(['Success', 'Failed Attempt', 'Failure']),
    http_status: z.int().nullable(),
    error_kind: z.enum(ERROR_KINDS).nullable(),
    error_detail: z.string(),
    response_headers: z.record(z.string(), z.string()),
    response_body: z.string(),
    next_attempt_at: time.nullable(),
    next_reason: z.string(),
    replay_of: idSchema.nullable(),
    may_repeat: z.boolean().meta({
      description:
        'The same attempt may have been sent before: by a worker that ended before it could say so, or because the delivery is in the log twice.',
    }),
    worker: z.string(),
  })
  .meta({ id: 'Attempt' });
export type AttemptView = z.infer<typeof attemptSchema>;
