import type { FormerSubscriptions } from '../../former-ports.ts';
import type { Queryable } from '../client.ts';
import { formerAt } from './at.ts';
import { pruneFormer } from './prune.ts';

export function createFormerSubscriptions({ pg }: { pg: Queryable }): FormerSubscriptions {
  return {
    at: (subscriptionId, versions) => formerAt(pg, subscriptionId, versions),
    prune: (olderThan) => pruneFormer(pg, olderThan),
  };
}
