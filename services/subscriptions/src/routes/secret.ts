import { route, type Route } from '@milena/http';
import { z } from 'zod';
import type { RouteDeps } from '../deps.ts';
import { etagOf } from '../etag.ts';
import { toTime } from '../views.ts';
import { rotateSecret } from '../write-subscription.ts';
import { etagHeader, idParams, ifMatchHeader } from './common.ts';

const rotateBody = z
  .strictObject({
    grace_period_s: z
      .int()
      .min(0)
      .max(604_800)
      .default(86_400)
      .meta({ description: 'How long the secret before stays valid; 0 ends it at once.' }),
  })
  .prefault({})
  .meta({ id: 'SecretRotate', example: { grace_period_s: 3600 } });

const rotatedSchema = z
  .object({
    secret: z.string().meta({ description: 'The new secret; never shown again.' }),
    previous_valid_until: z.iso.datetime().nullable().meta({
      description:
        'Until then `webhook-signature` has a signature of both, and ingest takes either; null when there is none before it.',
    }),
  })
  .meta({ id: 'RotatedSecret' });

export function secretRoutes({ as }: RouteDeps): Route[] {
  const rotate = route({
    method: 'post',
    path: '/api/v1/subscriptions/{id}/secret/rotate',
    operation_id: 'rotateSecret',
    tag: 'Subscriptions',
    summary: 'Make a new secret',
    description:
      '`webhook-signature` has a signature of both until the grace period ends; `x-hub-signature-256` is of the new one at once. Without a secret, the first is made.',
    access: 'admin',
    params: idParams,
    headers: ifMatchHeader,
    body: { kind: 'json', schema: rotateBody },
    replies: { 200: { description: 'The new secret.', schema: rotatedSchema, headers: etagHeader } },
    problems: [400, 404, 409, 412, 422],
    handler: async ({ principal, params, body, headers, log }) => {
      const rotated = await rotateSecret(as(principal), params.id, body.grace_period_s, headers, log);
      const { secret, previous_valid_until } = rotated;
      return {
        status: 200,
        headers: { etag: etagOf(rotated.subscription.version), 'cache-control': 'no-store' },
        body: {
          secret,
          previous_valid_until: previous_valid_until === null ? null : toTime(previous_valid_until),
        },
      };
    },
  });
  return [rotate];
}
