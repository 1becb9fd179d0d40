import { tenantIdSchema } from '@milena/domain';
import { pageOf, pageQuery, route, type Route } from '@milena/http';
import { withoutCredentials } from '../credential-headers.ts';
import { defined } from '../defined.ts';
import type { RouteDeps } from '../deps.ts';
import { findSubscription } from '../find-subscription.ts';
import { etagOf, etagOfRead, isNotModified } from '../etag.ts';
import { createBody, patchBody, replaceBody } from '../subscription-body.ts';
import { withHeld } from '../with-held.ts';
import {
  createSubscription,
  deleteSubscription,
  patchSubscription,
  replaceSubscription,
  type Written,
} from '../write-subscription.ts';
import {
  etagHeader,
  idParams,
  ifMatchHeader,
  subscriptionDetailSchema,
  subscriptionReplySchema,
} from './common.ts';

const tag = 'Subscriptions';
const PATH = '/api/v1/subscriptions';
/** 32 headers of 4 KiB, everything else, and room for escapes. */
const LARGEST_BODY = 524_288;

const listQuery = pageQuery.extend({ tenant_id: tenantIdSchema.optional() });
const listSchema = pageOf(subscriptionDetailSchema).meta({ id: 'SubscriptionPage' });

/** The secret shows in the answer that made it, and nowhere else. */
function writtenReply(written: Written, status: number, headers: Record<string, string> = {}) {
  const { secret } = written;
  const subscription = withoutCredentials(written.subscription);
  return {
    status,
    headers: { etag: etagOf(subscription.version), 'cache-control': 'no-store', ...headers },
    body: secret === null ? subscription : { ...subscription, secret },
  };
}

function create({ as }: RouteDeps): Route {
  return route({
    method: 'post',
    path: PATH,
    operation_id: 'createSubscription',
    tag,
    summary: 'Create a subscription',
    access: 'admin',
    body: { kind: 'json', schema: createBody, limit: LARGEST_BODY },
    replies: {
      201: {
        description: 'Created; events may be sent to it at once.',
        schema: subscriptionReplySchema,
        headers: { ...etagHeader, Location: { description: 'Where it can be read.' } },
      },
    },
    problems: [422],
    handler: async ({ principal, body, log }) => {
      const written = await createSubscription(as(principal), body, log);
      return writtenReply(written, 201, { location: `${PATH}/${written.subscription.id}` });
    },
  });
}

function list({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: PATH,
    operation_id: 'listSubscriptions',
    tag,
    summary: 'List subscriptions',
    access: 'read',
    query: listQuery,
    replies: { 200: { description: 'A page of them.', schema: listSchema } },
    problems: [400],
    handler: async ({ principal, query: { tenant_id, ...page } }) => {
      const deps = as(principal);
      const { data, next_cursor } = await deps.subscriptions.list(defined({ tenant_id }), page);
      return {
        status: 200,
        body: { data: (await withHeld(deps.held, data)).map(withoutCredentials), next_cursor },
      };
    },
  });
}

function read({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: `${PATH}/{id}`,
    operation_id: 'getSubscription',
    tag,
    summary: 'Read a subscription',
    access: 'read',
    params: idParams,
    headers: { 'If-None-Match': { description: '304 when the ETag still is this one.', example: '"1"' } },
    replies: {
      200: { description: 'The subscription.', schema: subscriptionDetailSchema, headers: etagHeader },
      304: { description: 'Not modified.', schema: null, headers: etagHeader },
    },
    problems: [404],
    handler: async ({ principal, params, headers: requestHeaders }) => {
      const deps = as(principal);
      const subscription = await findSubscription(deps, params.id);
      const [body] = await withHeld(deps.held, [withoutCredentials(subscription)]);
      const etag = body === undefined ? etagOf(subscription.version) : etagOfRead(body);
      if (isNotModified(requestHeaders, etag)) return { status: 304, headers: { etag } };
      return { status: 200, headers: { etag }, body };
    },
  });
}

function replace({ as }: RouteDeps): Route {
  return route({
    method: 'put',
    path: `${PATH}/{id}`,
    operation_id: 'replaceSubscription',
    tag,
    summary: 'Replace a subscription',
    description:
      'Whatever is not given goes back to its default, but for the tenant, which never changes, and the secret, which nobody could read before to send it again.',
    access: 'admin',
    params: idParams,
    headers: ifMatchHeader,
    body: { kind: 'json', schema: replaceBody, limit: LARGEST_BODY },
    replies: {
      200: { description: 'As it is now.', schema: subscriptionReplySchema, headers: etagHeader },
    },
    problems: [400, 404, 409, 412, 422],
    handler: async ({ principal, params, headers, body, log }) =>
      writtenReply(await replaceSubscription(as(principal), params.id, body, headers, log), 200),
  });
}

function patch({ as }: RouteDeps): Route {
  return route({
    method: 'patch',
    path: `${PATH}/{id}`,
    operation_id: 'patchSubscription',
    tag,
    summary: 'Change some fields of a subscription',
    description:
      'A JSON merge patch (RFC 7396): null takes a field back to its default, and within headers and metadata it takes an entry out.',
    access: 'admin',
    params: idParams,
    headers: ifMatchHeader,
    body: { kind: 'json', schema: patchBody, limit: LARGEST_BODY },
    replies: {
      200: { description: 'As it is now.', schema: subscriptionReplySchema, headers: etagHeader },
    },
    problems: [400, 404, 409, 412, 422],
    handler: async ({ principal, params, headers, body, log }) =>
      writtenReply(await patchSubscription(as(principal), params.id, body, headers, log), 200),
  });
}

function remove({ as }: RouteDeps): Route {
  return route({
    method: 'delete',
    path: `${PATH}/{id}`,
    operation_id: 'deleteSubscription',
    tag,
    summary: 'Delete a subscription',
    description: 'What it still has in motion ends as cancelled. Its history stays as long as any.',
    access: 'admin',
    params: idParams,
    headers: ifMatchHeader,
    replies: { 204: { description: 'Gone.', schema: null } },
    problems: [400, 404, 409, 412],
    handler: async ({ principal, params, headers, log }) => {
      await deleteSubscription(as(principal), params.id, headers, log);
      return { status: 204 };
    },
  });
}

export function subscriptionRoutes(deps: RouteDeps): Route[] {
  return [create, list, read, replace, patch, remove].map((make) => make(deps));
}
