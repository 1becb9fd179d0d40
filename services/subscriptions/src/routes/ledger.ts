import { idSchema, tenantIdSchema } from '@milena/domain';
import { route, type Route } from '@milena/http';
import { z } from 'zod';
import { defined } from '../defined.ts';
import type { RouteDeps } from '../deps.ts';
import { readMotion } from '../ledger/read-motion.ts';
import { ledgerSchema, toLedger } from '../ledger/view.ts';
import { rangeQuery, toRange } from '../queries.ts';

const HOUR_MS = 3_600_000;
/**
 * What is younger does not count. A worker appends what it did within milliseconds, but a producer's second try after a
 * crash of ingest is accepted under the time of the first, ten seconds before; and clocks agree within a second.
 */
const SETTLE_MS = 15_000;
/** Where retention begins to cut, one clock may be ahead of another. */
const CUT_MARGIN_MS = 5 * 60_000;
const LARGEST_LIMIT = 100;

const ledgerQuery = z.strictObject({
  tenant_id: tenantIdSchema.optional(),
  subscription_id: idSchema.optional(),
  ...rangeQuery,
  limit: z.coerce
    .number('must be a whole number from 1 to 100')
    .int()
    .min(1)
    .max(LARGEST_LIMIT)
    .default(LARGEST_LIMIT)
    .meta({ description: 'Deliveries to name at most; the counts are of all.' }),
});

function ledger({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/v1/stats/ledger',
    operation_id: 'getLedger',
    tag: 'Statistics',
    summary: 'Whether every accepted delivery is accounted for',
    description:
      'accepted = delivered + filtered + dead-lettered + expired + cancelled + in motion, each term counted from the ' +
      'rows that prove it, and the deliveries that do not add up. Of those accepted in the last 24 hours unless told ' +
      'otherwise, less the last 15 seconds. 503 while the recorder is behind: then nobody can tell.',
    access: 'read',
    query: ledgerQuery,
    replies: { 200: { description: 'The ledger.', schema: ledgerSchema } },
    problems: [400, 503],
    handler: async ({ principal, query, signal }) => {
      const deps = as(principal);
      const { retentionHours, deadLetterRetentionDays } = deps.config;
      const now = deps.clock.now();
      const asked = toRange(query, now, { defaultMs: 24 * HOUR_MS });
      const kept = Math.min(retentionHours, deadLetterRetentionDays * 24) * HOUR_MS;
      const as_of = now - SETTLE_MS;
      const until = Math.min(asked.until, as_of);
      const since = Math.min(Math.max(asked.since, now - kept + CUT_MARGIN_MS), until);
      const scope = { tenant_id: query.tenant_id, subscription_id: query.subscription_id };
      const range = { since, until, as_of };
      const motion = await readMotion(deps, signal);
      const found = await deps.ledger.read({ ...defined(scope), ...range, motion, limit: query.limit });
      return { status: 200, body: toLedger(found, range) };
    },
  });
}

export function ledgerRoutes(deps: RouteDeps): Route[] {
  return [ledger(deps)];
}
