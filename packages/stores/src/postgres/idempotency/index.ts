import type { Clock } from '@milena/runtime';
import type { IdempotencyStore } from '../../ports.ts';
import type { Postgres } from '../client.ts';
import { claimKeys } from './claim.ts';
import { completeKeys } from './complete.ts';
import { maintainPartitions } from './maintain.ts';
import { releaseKeys } from './release.ts';
import { timesAt } from './times.ts';

/** Keys may be at most 1,000 characters long (an index entry must fit into a third of a page). */
export function createIdempotencyStore({ pg, clock }: { pg: Postgres; clock: Clock }): IdempotencyStore {
  return {
    claim: (claims) => claimKeys(pg, claims, clock.now()),
    complete: (done) => completeKeys(pg, done, timesAt(clock.now())),
    release: (claims) => releaseKeys(pg, claims, timesAt(clock.now())),
    maintain: () => maintainPartitions(pg, clock.now()),
  };
}
