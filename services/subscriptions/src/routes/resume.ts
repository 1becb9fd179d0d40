import { subscriptionSchema } from '@milena/domain';
import { route, type Route } from '@milena/http';
import { z } from 'zod';
import { withoutCredentials } from '../credential-headers.ts';
import type { RouteDeps } from '../deps.ts';
import { etagOf } from '../etag.ts';
import { DEFAULT_RELEASE_RATE } from '../release-rate.ts';
import { resumeSubscription } from '../write-subscription.ts';
import { etagHeader, idParams } from './common.ts';

const resumeBody = z
  .strictObject({
    rate_per_s: z
      .number()
      .min(0.01)
      .max(10_000)
      .default(DEFAULT_RELEASE_RATE)
      .meta({ description: 'Held deliveries released a second.' }),
  })
  .meta({ id: 'SubscriptionResume', example: { rate_per_s: 50 } });

export function resumeRoutes({ as }: RouteDeps): Route[] {
  return [
    route({
      method: 'post',
      path: '/api/v1/subscriptions/{id}/resume',
      operation_id: 'resumeSubscription',
      tag: 'Subscriptions',
      summary: 'End a pause',
      description:
        'What is held is delivered in the order of its acceptance, at this rate; what comes in meanwhile does not wait for it. Called again, it changes the rate of a release under way.',
      access: 'admin',
      params: idParams,
      body: { kind: 'json', schema: resumeBody },
      replies: { 200: { description: 'As it is now.', schema: subscriptionSchema, headers: etagHeader } },
      problems: [404, 409, 422],
      handler: async ({ params, body, principal, log }) => {
        const subscription = await resumeSubscription(as(principal), params.id, body.rate_per_s, log);
        const headers = { etag: etagOf(subscription.version) };
        return { status: 200, headers, body: withoutCredentials(subscription) };
      },
    }),
  ];
}
