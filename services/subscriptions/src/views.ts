import { attemptSchema, DELIVERY_STATUSES, idSchema } from '@milena/domain';
import { DEAD_LETTER_STATUSES, type DeadLetter, type DeliveryView } from '@milena/stores';
import { z } from 'zod';

const time = z.iso.datetime().meta({ example: '2026-01-31T09:30:00.000Z' });

/** ms since the epoch → RFC 3339 with milliseconds. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function toTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : toTime(ms);
}

const elsewhere = z.string().nullable().meta({
  description:
    'Where it was sent instead of to the subscription’s own: a replay to another URL. null for all others.',
});

const deliveryShape = {
  id: idSchema,
  event_id: idSchema.meta({ description: 'What receivers see as webhook-id, on every retry and replay.' }),
  tenant_id: z.string(),
  subscription_id: idSchema,
  event_type: z.string().nullable(),
  content_type: z.string(),
  payload_bytes: z.int(),
  accepted_at: time,
  replay_of: idSchema.nullable().meta({ description: 'The delivery that this one repeats.' }),
  target_url: elsewhere,
  status: z.enum(DELIVERY_STATUSES),
  attempts_made: z.int(),
  last_attempt_at: time.nullable(),
  next_attempt_at: time.nullable().meta({
    description:
      'null when none follows, and when that time has passed: it is due, or was put off once more, for a minute at most.',
  }),
  reason: z.string().meta({ description: 'Why it stands as it does.' }),
};

export const deliverySchema = z.object(deliveryShape).meta({ id: 'Delivery' });
/** An attempt where the whole story of one delivery is told. */
export const attemptDetailSchema = attemptSchema
  .extend({
    curl: z.string().meta({
      description:
        'A command for a POSIX shell that makes the same request again. What is secret is not in it: it asks for WEBHOOK_SIGNATURE, HUB_SIGNATURE and HEADER_… from the environment, where the attempt had such a header. A long payload is fetched from this API, at MILENA_URL with the key in MILENA_KEY.',
    }),
  })
  .meta({ id: 'AttemptDetail' });
export const deliveryDetailSchema = z
  .object({
    ...deliveryShape,
    attempts: z.array(attemptDetailSchema).meta({ description: 'Newest first, all of them.' }),
  })
  .meta({ id: 'DeliveryDetail' });

export function toDelivery(view: DeliveryView, now: number): z.infer<typeof deliverySchema> {
  const { delivery_id, accepted_at, last_attempt_at, next_attempt_at, ...rest } = view;
  return {
    id: delivery_id,
    ...rest,
    accepted_at: toTime(accepted_at),
    last_attempt_at: toTimeOrNull(last_attempt_at),
    // Of what is put off again and again only the first time is stored.
    next_attempt_at: next_attempt_at === null || next_attempt_at < now ? null : toTime(next_attempt_at),
  };
}

export const deadLetterSchema = z
  .object({
    id: idSchema.meta({ description: 'The id of the delivery that ended here.' }),
    event_id: idSchema,
    tenant_id: z.string(),
    subscription_id: idSchema,
    event_type: z.string().nullable(),
    content_type: z.string(),
    accepted_at: time,
    replay_of: idSchema.nullable(),
    target_url: elsewhere,
    status: z.enum(DEAD_LETTER_STATUSES),
    reason: z.string(),
    attempts: z.int().meta({ description: 'Attempts made.' }),
    dead_lettered_at: time,
  })
  .meta({ id: 'DeadLetter' });

/** Field by field, so that a payload which came along is left out. */
export function toDeadLetter(letter: Omit<DeadLetter, 'payload'>): z.infer<typeof deadLetterSchema> {
  return {
    id: letter.delivery_id,
    event_id: letter.event_id,
    tenant_id: letter.tenant_id,
    subscription_id: letter.subscription_id,
    event_type: letter.event_type,
    content_type: letter.content_type,
    accepted_at: toTime(letter.accepted_at),
    replay_of: letter.replay_of,
    target_url: letter.target_url,
    status: letter.status,
    reason: letter.reason,
    attempts: letter.attempts,
    dead_lettered_at: toTime(letter.dead_lettered_at),
  };
}

const counts = {
  success: z.int(),
  failed_attempt: z.int(),
  failure: z.int(),
  success_rate: z
    .number()
    .nullable()
    .meta({ description: 'Share of the attempts that succeeded, 0 to 1; null without any.', example: 0.98 }),
  p50_ms: z.number().nullable(),
  p95_ms: z.number().nullable(),
  p99_ms: z.number().nullable(),
};

export const subscriptionStatsSchema = z
  .object({
    subscription_id: idSchema,
    since: time,
    until: time,
    ...counts,
    minutes: z
      .array(z.object({ at: time, ...counts }).meta({ id: 'StatsMinute' }))
      .meta({ description: 'Minutes with attempts, oldest first.' }),
  })
  .meta({ id: 'SubscriptionStats' });

export const totalsSchema = z
  .object({
    since: time,
    until: time,
    events: z
      .int()
      .meta({ description: 'Deliveries that were accepted: an event counts once for each subscription.' }),
    attempts: z.int(),
    ...counts,
    filtered: z.int(),
    cancelled: z.int(),
    expired: z.int(),
  })
  .meta({ id: 'Totals' });

/** Outcomes counted → the share of successes. */
export function successRate(row: {
  success: number;
  failed_attempt: number;
  failure: number;
}): number | null {
  const attempts = row.success + row.failed_attempt + row.failure;
  return attempts === 0 ? null : row.success / attempts;
}

export const eventTypesSchema = z
  .object({
    data: z.array(
      z.object({
        event_type: z.string(),
        events: z.int().meta({ description: 'Deliveries: an event counts once for each subscription.' }),
        last_seen: time,
      }),
    ),
  })
  .meta({ id: 'EventTypes' });

/** A delivery that was just handed to the log. */
export const queuedSchema = z
  .object({ delivery_id: idSchema, event_id: idSchema, status: z.literal('queued') })
  .meta({ id: 'Queued' });
