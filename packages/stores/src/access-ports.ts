import type { Scope } from '@milena/domain';
import type { Page, PageRequest } from './ports.ts';

/** A key as it is shown. Times in ms since the epoch. */
export interface ApiKey {
  id: string;
  name: string;
  /** The key's first characters, for people to recognise it by. */
  prefix: string;
  scopes: readonly Scope[];
  /** null = every tenant. */
  tenant_id: string | null;
  created_at: number;
  expires_at: number | null;
}

/** A key as it is known by: the SHA-256 of what its holder sends. The key itself is nowhere. */
export interface StoredApiKey extends ApiKey {
  hash: Buffer;
}

export interface ApiKeyStore {
  insert(key: Omit<StoredApiKey, 'id' | 'created_at'>): Promise<ApiKey>;
  /** Also an expired one: the caller has the clock. Never a revoked one. */
  findByHash(hash: Buffer): Promise<StoredApiKey | null>;
  /** Newest first, without revoked ones. */
  list(filter: { tenant_id?: string }, page: PageRequest): Promise<Page<ApiKey>>;
  /** For good. null when there is no such key, or it is not of that tenant; otherwise the key as it was. */
  revoke(id: string, filter: { tenant_id?: string }): Promise<StoredApiKey | null>;
  /** Whether a key was ever stored; revoked and expired ones count. */
  any(): Promise<boolean>;
}

/** Cached view of ApiKeyStore. Serves what it has while the store is away; a miss then throws StoreUnavailableError. */
export interface ApiKeyDirectory {
  find(hash: Buffer): Promise<StoredApiKey | null>;
  any(): Promise<boolean>;
  /** This process asks the store again for this key, and whether there is any. */
  forget(hash: Buffer): void;
  close(): Promise<void>;
}

/** For a change of SECRETS_KEY. */
export interface SecretResealer {
  /**
   * Seals up to `limit` secrets anew that lie under a key of before, going on behind the id `after` (null = from the
   * beginning). `unreadable`: under a key that is not known; left as they are. `last` null: there are no more.
   */
  resealBatch(
    after: string | null,
    limit: number,
  ): Promise<{ resealed: number; unreadable: number; last: string | null }>;
}
