import { timingSafeEqual } from 'node:crypto';
import { hashOfApiKey, looksLikeApiKey, SCOPES, type Scope } from '@milena/domain';
import { ConfigError, type Clock } from '@milena/runtime';
import type { Principal } from './route.ts';

/** From the Authorization header to who calls. `missing`: no header; `wrong`: one that proves nothing. */
export type Authenticate = (authorization: string | undefined) => Promise<Principal | 'missing' | 'wrong'>;

export const SHORTEST_API_KEY = 16;

const BEARER = /^bearer +([^\s]+) *$/i;

/** A key as it is kept, by the SHA-256 of what its holder sends. */
interface KnownKey {
  id: string;
  hash: Buffer;
  scopes: readonly Scope[];
  tenant_id: string | null;
  /** ms since the epoch. */
  expires_at: number | null;
}

/** The stored keys, and whether there ever was one. Both throw StoreUnavailableError when that can't be known now. */
export interface KeyDirectory {
  find(hash: Buffer): Promise<KnownKey | null>;
  any(): Promise<boolean>;
}

/** No key has this name: theirs are ids, or `api-key`. */
const OPEN = 'open';

/** Whoever calls while no key is asked for: may do everything, and has proved nothing. */
export function isOpen(principal: Pick<Principal, 'name'>): boolean {
  return principal.name === OPEN;
}

/**
 * The key of the configuration, which has every scope and every tenant, and the stored ones. Digests are compared, in
 * constant time, so neither content nor length of a key can be timed; the look-up by digest tells nothing about a key
 * either. With no key configured, and none ever stored, everybody may do everything, under the name `open`.
 * @throws ConfigError when the key is shorter than 16 characters
 */
export function createApiKeyAuthenticator(options: {
  apiKey: string;
  keys: KeyDirectory;
  clock: Clock;
}): Authenticate {
  const { apiKey, keys, clock } = options;
  if (apiKey !== '' && apiKey.length < SHORTEST_API_KEY) {
    throw new ConfigError([
      `API_KEY must have at least ${SHORTEST_API_KEY} characters, for example 32 random ones`,
    ]);
  }
  const configured = apiKey === '' ? null : hashOfApiKey(apiKey);
  const everything = { scopes: SCOPES, tenant_id: null };
  const first: Principal = { name: 'api-key', ...everything };
  const open: Principal = { name: OPEN, ...everything };

  async function principalOf(key: string): Promise<Principal | 'wrong'> {
    const hash = hashOfApiKey(key);
    if (configured !== null && timingSafeEqual(hash, configured)) return first;
    if (!looksLikeApiKey(key)) return 'wrong';
    const known = await keys.find(hash);
    if (known === null || !timingSafeEqual(known.hash, hash)) return 'wrong';
    if (known.expires_at !== null && known.expires_at <= clock.now()) return 'wrong';
    return { name: known.id, scopes: known.scopes, tenant_id: known.tenant_id };
  }

  return async (authorization) => {
    if (configured === null && !(await keys.any())) return open;
    if (authorization === undefined) return 'missing';
    return principalOf(BEARER.exec(authorization)?.[1] ?? '');
  };
}
