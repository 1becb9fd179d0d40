import type { DeadLetterStore } from '../../ports.ts';
import type { Queryable } from '../client.ts';
import { countOfTenant } from './count-of-tenant.ts';
import { findDeadLetter } from './find.ts';
import { insertDeadLetters } from './insert.ts';
import { listDeadLetters } from './list.ts';
import { pruneDeadLetters } from './prune.ts';
import { setDeadLetterStatus } from './set-status.ts';

export function createDeadLetterStore({ pg }: { pg: Queryable }): DeadLetterStore {
  return {
    insert: (letters) => insertDeadLetters(pg, letters),
    find: (deliveryId) => findDeadLetter(pg, deliveryId),
    list: (filter, page) => listDeadLetters(pg, filter, page),
    countOfTenant: (tenantId, deliveryIds) => countOfTenant(pg, tenantId, deliveryIds),
    setStatus: (deliveryId, status) => setDeadLetterStatus(pg, deliveryId, status),
    prune: (olderThan) => pruneDeadLetters(pg, olderThan),
  };
}
