import { idSchema, tenantIdSchema } from '@milena/domain';
import { HttpProblem, notFound, pageOf, pageQuery, route, type Route } from '@milena/http';
import { DEAD_LETTER_STATUSES } from '@milena/stores';
import { z } from 'zod';
import { defined } from '../defined.ts';
import { findDeadLetter } from '../deliveries.ts';
import type { RouteDeps } from '../deps.ts';
import { checkOrder, rangeQuery } from '../queries.ts';
import { deadLetterSchema, toDeadLetter } from '../views.ts';
import { idParams } from './common.ts';

const tag = 'Dead letters';
const PATH = '/api/v1/dead-letters';

const listQuery = pageQuery.extend({
  subscription_id: idSchema.optional(),
  tenant_id: tenantIdSchema.optional(),
  status: z.enum(DEAD_LETTER_STATUSES).optional(),
  ...rangeQuery,
});
const listSchema = pageOf(deadLetterSchema).meta({ id: 'DeadLetterPage' });

function list({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: PATH,
    operation_id: 'listDeadLetters',
    tag,
    summary: 'List deliveries that were given up, newest first',
    access: 'read',
    query: listQuery,
    replies: { 200: { description: 'A page of them.', schema: listSchema } },
    problems: [400],
    handler: async ({ principal, query: { limit, cursor, ...filter } }) => {
      checkOrder(filter);
      const page = await as(principal).deadLetters.list(defined(filter), { limit, cursor });
      return { status: 200, body: { ...page, data: page.data.map(toDeadLetter) } };
    },
  });
}

function read({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: `${PATH}/{id}`,
    operation_id: 'getDeadLetter',
    tag,
    summary: 'Read a dead letter',
    description: 'Its payload is at `/deliveries/{id}/payload`; `/deliveries/{id}/retry` delivers it again.',
    access: 'read',
    params: idParams,
    replies: { 200: { description: 'The dead letter.', schema: deadLetterSchema } },
    problems: [404],
    handler: async ({ principal, params, signal }) => {
      const letter = await findDeadLetter(as(principal), params.id, { signal });
      if (letter === null) throw notFound('dead letter');
      return { status: 200, body: toDeadLetter(letter) };
    },
  });
}

function discard({ as }: RouteDeps): Route {
  return route({
    method: 'post',
    path: `${PATH}/{id}/discard`,
    operation_id: 'discardDeadLetter',
    tag,
    summary: 'Take a dead letter off the list of open ones',
    access: 'admin',
    params: idParams,
    replies: { 200: { description: 'Discarded.', schema: deadLetterSchema } },
    problems: [404, 409],
    handler: async ({ principal, params, log, signal }) => {
      const deps = as(principal);
      if ((await findDeadLetter(deps, params.id, { signal })) === null) throw notFound('dead letter');
      const changed = await deps.deadLetters.setStatus(params.id, 'discarded');
      const letter = await deps.deadLetters.find(params.id);
      if (letter === null) throw notFound('dead letter');
      if (!changed) {
        throw new HttpProblem(409, 'dead-letter-closed', `The dead letter is ${letter.status} already.`);
      }
      log.info({ event: 'dead_letter.discarded', delivery_id: params.id });
      return { status: 200, body: toDeadLetter(letter) };
    },
  });
}

export function deadLetterRoutes(deps: RouteDeps): Route[] {
  return [list, read, discard].map((make) => make(deps));
}
