import type { Clock } from '@milena/runtime';
import type { ReplayLeases, ReplayStore } from '../../replay-ports.ts';
import type { Postgres, Queryable } from '../client.ts';
import { beginBatch } from './begin.ts';
import { claimReplay } from './claim.ts';
import { commitBatch } from './commit.ts';
import { findReplay } from './find.ts';
import { insertReplay } from './insert.ts';
import { listReplays } from './list.ts';
import { moveReplay } from './move.ts';
import { pruneReplays } from './prune.ts';
import { releaseReplay } from './release.ts';
import { renewReplay } from './renew.ts';

export function createReplayStore({ pg, clock }: { pg: Queryable; clock: Clock }): ReplayStore {
  return {
    insert: (job) => insertReplay(pg, job, clock.now()),
    find: (id) => findReplay(pg, id),
    list: (filter, page) => listReplays(pg, filter, page),
    move: (id, from, to) => moveReplay(pg, { id, from, to, nowMs: clock.now() }),
    prune: (olderThan) => pruneReplays(pg, olderThan),
  };
}

export function createReplayLeases({ pg, clock }: { pg: Postgres; clock: Clock }): ReplayLeases {
  return {
    claim: (owner, leaseMs) => claimReplay(pg, { owner, leaseMs, nowMs: clock.now() }),
    renew: (id, owner, leaseMs) => renewReplay(pg, { id, owner, untilMs: clock.now() + leaseMs }),
    begin: (id, owner, batch) => beginBatch(pg, id, owner, batch),
    commit: (id, owner, progress) => commitBatch(pg, id, owner, progress),
    release: (id, owner, ending) => releaseReplay(pg, { id, owner, nowMs: clock.now() }, ending),
  };
}
