import type { Clock } from '@milena/runtime';
import type { HeldStore, ReleaseStore } from '../../held-ports.ts';
import type { Postgres, Queryable } from '../client.ts';
import { dropHeld } from './drop.ts';
import { dueReleases } from './due.ts';
import { insertHeld } from './insert.ts';
import { pruneReleased } from './prune.ts';
import { setReleaseRate } from './set-rate.ts';
import { heldSummaries, heldTotals } from './summaries.ts';
import { takeHeld } from './take.ts';

export function createHeldStore({ pg, clock }: { pg: Queryable; clock: Clock }): HeldStore {
  return {
    insert: (rows) => insertHeld(pg, rows),
    summaries: (subscriptionIds) => heldSummaries(pg, subscriptionIds),
    drop: (deliveryId) => dropHeld(pg, deliveryId, clock.now()),
  };
}

export function createReleaseStore({ pg, clock }: { pg: Postgres; clock: Clock }): ReleaseStore {
  return {
    setRate: (subscription, ratePerS, notBeforeMs) =>
      setReleaseRate(pg, { subscription, ratePerS, notBeforeMs }),
    due: () => dueReleases(pg, clock.now()),
    take: (take, work) => takeHeld({ pg, nowMs: clock.now() }, take, work),
    totals: () => heldTotals(pg),
    prune: (olderThan) => pruneReleased(pg, olderThan),
  };
}
