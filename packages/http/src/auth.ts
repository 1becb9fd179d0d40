import { createHash, timingSafeEqual } from 'node:crypto';
import { ConfigError } from '@milena/runtime';
import { HttpProblem } from './problem.ts';
import type { Access, Principal } from './route.ts';

/** From the Authorization header to who calls. `missing`: no header; `wrong`: one that proves nothing. */
export type Authenticate = (authorization: string | undefined) => Promise<Principal | 'missing' | 'wrong'>;

export const SHORTEST_API_KEY = 16;

const ALL_SCOPES = ['admin', 'read', 'ingest'] as const;
const BEARER = /^bearer +([^\s]+) *$/i;

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * The one key of the configuration, with every scope; an empty one means that everybody may do everything, under the
 * name `open`. Digests are compared, in constant time, so neither content nor length of the key can be timed.
 * @throws ConfigError when the key is shorter than 16 characters
 */
export function createApiKeyAuthenticator(options: { apiKey: string }): Authenticate {
  const { apiKey } = options;
  if (apiKey === '') {
    const open: Principal = { name: 'open', scopes: ALL_SCOPES, tenant_id: null };
    return () => Promise.resolve(open);
  }
  if (apiKey.length < SHORTEST_API_KEY) {
    throw new ConfigError([
      `API_KEY must have at least ${SHORTEST_API_KEY} characters, for example 32 random ones`,
    ]);
  }
  const right = sha256(apiKey);
  const principal: Principal = { name: 'api-key', scopes: ALL_SCOPES, tenant_id: null };
  return (authorization) => {
    if (authorization === undefined) return Promise.resolve('missing');
    const given = BEARER.exec(authorization)?.[1] ?? '';
    return Promise.resolve(timingSafeEqual(sha256(given), right) ? principal : 'wrong');
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** @throws ConfigError when an API without a key would be reachable from other machines */
export function assertSafeToListen(host: string, apiKey: string): void {
  if (apiKey !== '' || isLoopback(host)) return;
  throw new ConfigError([
    `HOST=${host} would open the API to other machines, and no API_KEY is set, so anybody there could use it. ` +
      `Set API_KEY (at least ${SHORTEST_API_KEY} characters), or HOST=127.0.0.1`,
  ]);
}

/**
 * Who calls, as far as the route asks.
 * @throws HttpProblem 401 or 403 with the challenge of RFC 6750
 */
export async function authorize(
  authenticate: Authenticate,
  access: Access,
  authorization: string | undefined,
): Promise<Principal | null> {
  if (access === 'open' || (access === 'optional' && authorization === undefined)) return null;
  const caller = await authenticate(authorization);
  if (caller === 'missing') {
    throw unauthorized('An API key is needed: Authorization: Bearer <key>.', 'Bearer realm="milena"');
  }
  if (caller === 'wrong') {
    throw unauthorized('The API key is not valid.', 'Bearer realm="milena", error="invalid_token"');
  }
  if (access === 'optional' || caller.scopes.includes('admin') || caller.scopes.includes(access))
    return caller;
  throw new HttpProblem(403, 'forbidden', `The API key lacks the scope ${access}.`, {
    headers: { 'www-authenticate': `Bearer realm="milena", error="insufficient_scope", scope="${access}"` },
  });
}

function unauthorized(detail: string, challenge: string): HttpProblem {
  return new HttpProblem(401, 'unauthorized', detail, { headers: { 'www-authenticate': challenge } });
}
