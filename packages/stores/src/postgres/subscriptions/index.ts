import type { Clock } from '@milena/runtime';
import type { SecretResealer } from '../../access-ports.ts';
import type { LiveSubscriptionStore, SubscriptionHealthStore, SubscriptionStore } from '../../ports.ts';
import type { Postgres, Queryable } from '../client.ts';
import type { SecretBox } from '../secret-box.ts';
import { disableSubscription } from './disable.ts';
import { findSubscription } from './find.ts';
import { idsOfTenant } from './ids-of-tenant.ts';
import { insertSubscription } from './insert.ts';
import { listSubscriptions } from './list.ts';
import { loadLiveSubscription } from './load-live.ts';
import { removeSubscription } from './remove.ts';
import { resealBatch } from './reseal.ts';
import { setHealth } from './set-health.ts';
import { updateSubscription } from './update.ts';

export function createSubscriptionStore(deps: {
  pg: Postgres;
  secretBox: SecretBox;
  clock: Clock;
}): SubscriptionStore {
  return {
    insert: (input, secret) => insertSubscription(deps, input, secret),
    find: (id) => findSubscription(deps.pg, id),
    list: (filter, page) => listSubscriptions(deps.pg, filter, page),
    update: (id, changes, secret, version) => updateSubscription(deps, id, changes, secret, version),
    remove: (id, version) => removeSubscription(deps.pg, id, version, deps.clock.now()),
  };
}

export function createLiveSubscriptionStore(deps: {
  pg: Queryable;
  secretBox: SecretBox;
  clock: Clock;
}): LiveSubscriptionStore {
  return {
    load: (id) => loadLiveSubscription(deps, id),
    idsOfTenant: (tenantId) => idsOfTenant(deps.pg, tenantId),
  };
}

export function createSecretResealer(deps: { pg: Queryable; secretBox: SecretBox }): SecretResealer {
  return { resealBatch: (after, limit) => resealBatch(deps, after, limit) };
}

export function createSubscriptionHealthStore({
  pg,
  clock,
}: {
  pg: Queryable;
  clock: Clock;
}): SubscriptionHealthStore {
  return {
    setHealth: (id, health, failingSinceMs, seen) =>
      setHealth(pg, { id, health, failingSinceMs, seen: seen ?? null, nowMs: clock.now() }),
    disable: (id, reason, only) => disableSubscription(pg, { id, reason, only, nowMs: clock.now() }),
  };
}
