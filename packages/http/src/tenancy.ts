import { notFound } from './problem.ts';
import type { Principal } from './route.ts';

type Caller = Pick<Principal, 'tenant_id'> | null;

/** Whether what belongs to this tenant exists for the caller. null: nobody was asked for a key, so nothing is narrowed. */
export function maySee(caller: Caller, tenantId: string | null): boolean {
  const bound = caller?.tenant_id ?? null;
  return bound === null || bound === tenantId;
}

/**
 * The tenant that a call is about: the one it names, or the only one that its key knows; undefined = any.
 * @throws HttpProblem 404 when it names a tenant that its key does not know: to that key there is no other
 */
export function tenantAsked(caller: Caller, named: string | undefined): string | undefined {
  if (named !== undefined && !maySee(caller, named)) throw notFound('tenant');
  return named ?? caller?.tenant_id ?? undefined;
}
