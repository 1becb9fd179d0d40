import { route, type Route } from '@milena/http';
import { sendTest } from '../deliveries.ts';
import type { RouteDeps } from '../deps.ts';
import { findSubscription } from '../find-subscription.ts';
import { queuedSchema } from '../views.ts';
import { idParams } from './common.ts';

export function testEventRoutes({ as }: RouteDeps): Route[] {
  const send = route({
    method: 'post',
    path: '/api/v1/subscriptions/{id}/test',
    operation_id: 'sendTestEvent',
    tag: 'Subscriptions',
    summary: 'Send a test event',
    description:
      'A `milena.test` event takes the whole path that any event takes, whatever types the subscription asks for.',
    access: 'admin',
    params: idParams,
    replies: { 202: { description: 'Queued.', schema: queuedSchema } },
    problems: [404, 409, 503],
    handler: async (request) => {
      const deps = as(request.principal);
      const subscription = await findSubscription(deps, request.params.id);
      return { status: 202, body: await sendTest(deps, subscription, request) };
    },
  });
  return [send];
}
