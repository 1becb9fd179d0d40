import { attemptSchema, idSchema, subscriptionSchema } from '@milena/domain';
import { pageOf } from '@milena/http';
import { z } from 'zod';

export const idParams = z.object({ id: idSchema });
export const attemptPageSchema = pageOf(attemptSchema).meta({ id: 'AttemptPage' });

/** A subscription, and the secret in the one answer that may show it. */
export const subscriptionReplySchema = subscriptionSchema
  .extend({
    secret: z
      .string()
      .optional()
      .meta({ description: 'Only in the answer to `generate_secret`; never shown again.' }),
  })
  .meta({ id: 'SubscriptionReply' });

/** What a subscription holds while it is paused. */
const heldSchema = z
  .object({
    count: z.int(),
    oldest_at: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'When the oldest of them was accepted.', example: '2026-01-31T09:30:00.000Z' }),
  })
  .meta({ id: 'Held', description: 'Deliveries held while it is paused, or not released yet.' });

export const subscriptionDetailSchema = subscriptionSchema
  .extend({ held: heldSchema })
  .meta({ id: 'SubscriptionDetail' });

export const etagHeader = {
  ETag: {
    description: 'The version, and what else is read where that is unusual; for If-Match and If-None-Match.',
  },
};
export const ifMatchHeader = {
  'If-Match': { description: 'Write only if the ETag still is this one; otherwise 412.', example: '"1"' },
};
