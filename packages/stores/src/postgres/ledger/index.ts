import type { LedgerKept } from '../../ledger-ports.ts';
import type { Queryable } from '../client.ts';
import { countKept } from './count.ts';
import { knownKept } from './known.ts';
import { listKept } from './list.ts';

export function createLedgerKept({ pg }: { pg: Queryable }): LedgerKept {
  return {
    count: (scope, set) => countKept(pg, scope, set),
    list: (scope, set, buckets) => listKept(pg, scope, set, buckets),
    known: (scope, set, ids) => knownKept(pg, scope, set, ids),
  };
}
