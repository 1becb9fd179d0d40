import {
  generateApiKey,
  hashOfApiKey,
  idSchema,
  SCOPES,
  shownPrefixOf,
  tenantIdSchema,
  textSchema,
  type Scope,
} from '@milena/domain';
import { HttpProblem, notFound, pageOf, pageQuery, route, type Route } from '@milena/http';
import type { ApiKey } from '@milena/stores';
import { z } from 'zod';
import { defined } from '../defined.ts';
import type { CallDeps, RouteDeps } from '../deps.ts';
import { expiryFields, expiryOf } from '../expiry.ts';
import { toTime } from '../views.ts';
import { idParams } from './common.ts';

const tag = 'API keys';
const PATH = '/api/v1/api-keys';

const scopesSchema = z
  .array(z.enum(SCOPES))
  .min(1)
  .max(SCOPES.length)
  .meta({ description: '`admin` includes the others.' });

const keyShape = {
  id: idSchema,
  name: z.string(),
  prefix: z.string().meta({ description: "The key's first characters, to recognise it by." }),
  scopes: scopesSchema,
  tenant_id: z.string().nullable().meta({ description: 'The only tenant it knows; null: every one.' }),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
};
const keySchema = z.object(keyShape).meta({ id: 'ApiKey' });
const createdSchema = z
  .object({ ...keyShape, key: z.string().meta({ description: 'The key itself; never shown again.' }) })
  .meta({ id: 'ApiKeyCreated' });
const listSchema = pageOf(keySchema).meta({ id: 'ApiKeyPage' });

const createBody = z
  .strictObject({
    name: textSchema(100).min(1).meta({ description: 'What it is for.' }),
    scopes: scopesSchema.refine((scopes) => new Set(scopes).size === scopes.length, 'names a scope twice'),
    tenant_id: tenantIdSchema.optional().meta({
      description: 'The only tenant it will know. When absent: that of the key that makes it, or every one.',
    }),
    ...expiryFields,
  })
  .refine((body) => body.expires_at === undefined || body.expires_in === undefined, {
    path: ['expires_in'],
    message: 'can not be given together with expires_at',
  })
  .meta({
    id: 'ApiKeyCreate',
    example: { name: 'shop-1 back end', scopes: ['read', 'ingest'], expires_in: '90d' },
  });

function toKey({ id, name, prefix, scopes, tenant_id, created_at, expires_at }: ApiKey) {
  return {
    id,
    name,
    prefix,
    scopes: [...scopes],
    tenant_id,
    created_at: toTime(created_at),
    expires_at: expires_at === null ? null : toTime(expires_at),
  };
}

/** @throws HttpProblem 409 where no first key is configured */
function assertFirstKey({ config }: CallDeps): void {
  if (config.hasFirstKey) return;
  throw new HttpProblem(
    409,
    'no-first-key',
    'Without API_KEY nobody could manage the keys once there are some. Set API_KEY (a first admin key) on every service, start again, and make the key with it.',
  );
}

async function createKey(deps: CallDeps, body: z.infer<typeof createBody>) {
  assertFirstKey(deps);
  const key = generateApiKey();
  const hash = hashOfApiKey(key);
  const stored = await deps.apiKeys.insert({
    name: body.name,
    // In one order, however they were given.
    scopes: SCOPES.filter((scope: Scope) => body.scopes.includes(scope)),
    tenant_id: deps.tenantAsked(body.tenant_id) ?? null,
    expires_at: expiryOf(body, deps.clock.now()),
    prefix: shownPrefixOf(key),
    hash,
  });
  deps.keyDirectory.forget(hash);
  return { stored, key };
}

function create({ as }: RouteDeps): Route {
  return route({
    method: 'post',
    path: PATH,
    operation_id: 'createApiKey',
    tag,
    summary: 'Make an API key',
    description:
      'A key that is bound to a tenant sees nothing else: whatever belongs to another one is 404 to it. Such a key makes keys of its own tenant only. 409 where API_KEY is not set.',
    access: 'admin',
    body: { kind: 'json', schema: createBody },
    replies: { 201: { description: 'The key, this once.', schema: createdSchema } },
    problems: [404, 409, 422],
    handler: async ({ principal, body, log }) => {
      const { stored, key } = await createKey(as(principal), body);
      const { id, tenant_id, scopes, expires_at } = stored;
      log.info({
        event: 'api_key.created',
        api_key_id: id,
        tenant_id,
        scopes,
        expires_at,
        by: principal?.name,
      });
      return { status: 201, headers: { 'cache-control': 'no-store' }, body: { ...toKey(stored), key } };
    },
  });
}

function list({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: PATH,
    operation_id: 'listApiKeys',
    tag,
    summary: 'List API keys, newest first',
    description: 'Expired ones too; revoked ones not. The keys themselves are not kept anywhere.',
    access: 'admin',
    query: pageQuery.extend({ tenant_id: tenantIdSchema.optional() }),
    replies: { 200: { description: 'A page of them.', schema: listSchema } },
    problems: [400, 404],
    handler: async ({ principal, query: { tenant_id, ...page } }) => {
      const found = await as(principal).apiKeys.list(defined({ tenant_id }), page);
      return { status: 200, body: { ...found, data: found.data.map(toKey) } };
    },
  });
}

function revoke({ as }: RouteDeps): Route {
  return route({
    method: 'delete',
    path: `${PATH}/{id}`,
    operation_id: 'revokeApiKey',
    tag,
    summary: 'Revoke an API key',
    description: 'For good. Every process refuses it within five seconds.',
    access: 'admin',
    params: idParams,
    replies: { 204: { description: 'Revoked.', schema: null } },
    problems: [404],
    handler: async ({ principal, params, log }) => {
      const deps = as(principal);
      const revoked = await deps.apiKeys.revoke(params.id, {});
      if (revoked === null) throw notFound('API key');
      deps.keyDirectory.forget(revoked.hash);
      const { id, tenant_id } = revoked;
      log.info({ event: 'api_key.revoked', api_key_id: id, tenant_id, by: principal?.name });
      return { status: 204 };
    },
  });
}

export function apiKeyRoutes(deps: RouteDeps): Route[] {
  return [create, list, revoke].map((make) => make(deps));
}
