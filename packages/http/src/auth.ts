import { ConfigError } from '@milena/runtime';
import { SHORTEST_API_KEY, type Authenticate } from './authenticator.ts';
import { HttpProblem } from './problem.ts';
import type { Access, Principal } from './route.ts';

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
