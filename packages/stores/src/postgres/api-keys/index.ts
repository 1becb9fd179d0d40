import type { Clock } from '@milena/runtime';
import type { ApiKeyStore } from '../../access-ports.ts';
import type { Queryable } from '../client.ts';
import { anyApiKey } from './any.ts';
import { findApiKeyByHash } from './find-by-hash.ts';
import { insertApiKey } from './insert.ts';
import { listApiKeys } from './list.ts';
import { revokeApiKey } from './revoke.ts';

export function createApiKeyStore({ pg, clock }: { pg: Queryable; clock: Clock }): ApiKeyStore {
  return {
    insert: (key) => insertApiKey(pg, key, clock.now()),
    findByHash: (hash) => findApiKeyByHash(pg, hash),
    list: (filter, page) => listApiKeys(pg, filter, page),
    revoke: (id, filter) => revokeApiKey(pg, id, filter, clock.now()),
    any: () => anyApiKey(pg),
  };
}
