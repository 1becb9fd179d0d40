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

export const etagHeader = { ETag: { description: 'The version, for If-Match and If-None-Match.' } };
export const ifMatchHeader = {
  'If-Match': { description: 'Write only if the ETag still is this one; otherwise 412.', example: '"1"' },
};
