import { tenantIdSchema } from '@milena/domain';
import { route, type Route } from '@milena/http';
import { z } from 'zod';
import { defined } from '../defined.ts';
import type { RouteDeps } from '../deps.ts';
import { timeQuery } from '../queries.ts';
import { eventTypesSchema, toTime } from '../views.ts';

const HOUR_MS = 3_600_000;

const query = z.strictObject({
  tenant_id: tenantIdSchema.optional(),
  since: timeQuery
    .optional()
    .meta({ description: 'Seen since then; default: as far back as history is kept.' }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(100)
    .meta({ description: 'The most frequent ones.' }),
});

export function eventTypeRoutes({ as }: RouteDeps): Route[] {
  const list = route({
    method: 'get',
    path: '/api/v1/event-types',
    operation_id: 'listEventTypes',
    tag: 'Statistics',
    summary: 'List the event types seen, most frequent first',
    access: 'read',
    query,
    replies: { 200: { description: 'Types with counts.', schema: eventTypesSchema } },
    problems: [400],
    handler: async ({ principal, query: { tenant_id, since, limit } }) => {
      const deps = as(principal);
      const oldest = deps.clock.now() - deps.config.retentionHours * HOUR_MS;
      const types = await deps.stats.eventTypes({
        ...defined({ tenant_id }),
        since: since ?? oldest,
        limit,
      });
      const data = types.map((type) => ({ ...type, last_seen: toTime(type.last_seen) }));
      return { status: 200, body: { data } };
    },
  });
  return [list];
}
