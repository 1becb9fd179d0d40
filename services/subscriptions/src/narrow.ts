import { isOperatorSubscription } from '@milena/domain';
import { HttpProblem, maySee, notFound, tenantAsked, type Principal } from '@milena/http';
import type { CallDeps, SubscriptionsDeps } from './deps.ts';
import type { LiveTail } from './live-tail/live-tail.ts';

/** A key that knows one tenant only. */
type BoundCaller = Principal & { tenant_id: string };

/**
 * The parts of the service as a caller sees them. To a key that is bound to a tenant nothing else exists: what belongs to
 * others is not found, lists leave it out, and a filter that names another tenant, or a subscription that is not known,
 * is answered like a path that names it, with 404. What exists elsewhere and what exists nowhere look the same.
 */
export function narrow(parts: SubscriptionsDeps, liveTail: LiveTail, caller: Principal | null): CallDeps {
  if (caller === null) throw new Error('a route that asks for no key has no use for the stores');
  const whole: CallDeps = {
    ...parts,
    ...guardOperator(parts),
    liveTail,
    tenantAsked: (named) => tenantAsked(caller, named),
  };
  if (!isBound(caller)) return whole;
  const subscriptions = narrowSubscriptions(whole, caller);
  const mustBeOwn = async (subscriptionId: string | undefined): Promise<void> => {
    if (subscriptionId === undefined) return;
    if ((await subscriptions.find(subscriptionId)) === null) throw notFound('subscription');
  };
  return {
    ...whole,
    subscriptions,
    apiKeys: narrowKeys(whole, caller),
    deadLetters: narrowDeadLetters(whole, caller, mustBeOwn),
    cancellations: {
      cancel: async (delivery) => {
        if (!maySee(caller, delivery.tenant_id)) throw notFound('delivery');
        await whole.cancellations.cancel(delivery);
      },
    },
    ...narrowHistory(whole, caller, mustBeOwn),
    ...narrowReplays(whole, caller, mustBeOwn),
    releases: {
      setRate: async (subscription, ...rate) => {
        if (!maySee(caller, subscription.tenant_id)) throw notFound('subscription');
        await whole.releases.setRate(subscription, ...rate);
      },
    },
  };
}

/**
 * The operator's subscription can be read by keys that are bound to no tenant, and is changed by the settings alone.
 * @throws HttpProblem 409
 */
function refuseOperator(id: string): void {
  if (!isOperatorSubscription(id)) return;
  throw new HttpProblem(
    409,
    'operator-subscription',
    'This subscription is the operator’s: it is changed by OPERATOR_WEBHOOK_URL and OPERATOR_WEBHOOK_SECRET alone.',
  );
}

function guardOperator(parts: SubscriptionsDeps): Pick<CallDeps, 'subscriptions' | 'releases'> {
  const { subscriptions, releases } = parts;
  return {
    subscriptions: {
      ...subscriptions,
      update: async (id, ...change) => {
        refuseOperator(id);
        return subscriptions.update(id, ...change);
      },
      remove: async (id, version) => {
        refuseOperator(id);
        return subscriptions.remove(id, version);
      },
    },
    releases: {
      setRate: async (subscription, ...rate) => {
        refuseOperator(subscription.id);
        await releases.setRate(subscription, ...rate);
      },
    },
  };
}

function isBound(caller: Principal): caller is BoundCaller {
  return caller.tenant_id !== null;
}

/** The filter with the caller's tenant in it. @throws HttpProblem 404 when it names another */
function within<F extends { tenant_id?: string }>(caller: BoundCaller, filter: F): F & { tenant_id: string } {
  tenantAsked(caller, filter.tenant_id);
  return { ...filter, tenant_id: caller.tenant_id };
}

/** What was found, unless it belongs to another tenant. */
function ownOrNull<T extends { tenant_id: string }>(caller: BoundCaller, found: T | null): T | null {
  return found !== null && maySee(caller, found.tenant_id) ? found : null;
}

function narrowSubscriptions(
  { subscriptions: all }: CallDeps,
  caller: BoundCaller,
): CallDeps['subscriptions'] {
  const find = async (id: string) => ownOrNull(caller, await all.find(id));
  return {
    find,
    insert: async (input, secret) => {
      if (!maySee(caller, input.tenant_id)) throw notFound('tenant');
      return all.insert(input, secret);
    },
    list: async (filter, page) => all.list(within(caller, filter), page),
    update: async (id, ...change) =>
      (await find(id)) === null ? { kind: 'missing' } : all.update(id, ...change),
    remove: async (id, version) =>
      (await find(id)) === null ? { kind: 'missing' } : all.remove(id, version),
  };
}

function narrowKeys({ apiKeys: all }: CallDeps, caller: BoundCaller): CallDeps['apiKeys'] {
  return {
    insert: async (key) => {
      if (!maySee(caller, key.tenant_id)) throw notFound('tenant');
      return all.insert(key);
    },
    list: async (filter, page) => all.list(within(caller, filter), page),
    revoke: async (id, filter) => all.revoke(id, within(caller, filter)),
  };
}

type MustBeOwn = (subscriptionId: string | undefined) => Promise<void>;

function narrowDeadLetters(
  { deadLetters: all }: CallDeps,
  caller: BoundCaller,
  mustBeOwn: MustBeOwn,
): CallDeps['deadLetters'] {
  const find = async (id: string) => ownOrNull(caller, await all.find(id));
  return {
    find,
    list: async (filter, page) => {
      const found = await all.list(within(caller, filter), page);
      // History outlives its subscription, so only an empty answer asks whose it is.
      if (found.data.length === 0) await mustBeOwn(filter.subscription_id);
      return found;
    },
    countOfTenant: async (tenantId, ids) => (maySee(caller, tenantId) ? all.countOfTenant(tenantId, ids) : 0),
    setStatus: async (id, status) => (await find(id)) !== null && all.setStatus(id, status),
  };
}

function narrowReplays(
  { replays: all, replaySources: sources, deadLetters }: CallDeps,
  caller: BoundCaller,
  mustBeOwn: MustBeOwn,
): Pick<CallDeps, 'replays' | 'replaySources'> {
  // A job over every tenant has none.
  const isOwn = (tenantId: string | null): boolean => tenantId === caller.tenant_id;
  const count =
    (source: keyof typeof sources): (typeof sources)[typeof source]['count'] =>
    async (filter) => {
      if (!isOwn(filter.tenant_id)) throw notFound('tenant');
      await mustBeOwn(filter.subscription_id ?? undefined);
      // Counted, not read: a thousand letters with their payloads are more than the pool and the memory are for.
      const ids = new Set(filter.ids);
      const own = ids.size === 0 ? 0 : await deadLetters.countOfTenant(caller.tenant_id, [...ids]);
      if (own < ids.size) throw notFound('dead letter');
      return sources[source].count(filter);
    };
  const find = async (id: string) => {
    const found = await all.find(id);
    return found !== null && isOwn(found.tenant_id) ? found : null;
  };
  return {
    replaySources: { dead_letters: { count: count('dead_letters') }, events: { count: count('events') } },
    replays: {
      find,
      insert: async (job) => {
        if (!isOwn(job.tenant_id) || !isOwn(job.filter.tenant_id)) throw notFound('tenant');
        return all.insert(job);
      },
      list: async (filter, page) => all.list(within(caller, filter), page),
      move: async (id, from, to) => ((await find(id)) === null ? null : all.move(id, from, to)),
    },
  };
}

function narrowHistory(
  whole: CallDeps,
  caller: BoundCaller,
  mustBeOwn: MustBeOwn,
): Pick<CallDeps, 'deliveries' | 'attempts' | 'formerSubscriptions' | 'stats' | 'ledger' | 'liveTail'> {
  const { deliveries, attempts, formerSubscriptions, stats, ledger, liveTail } = whole;
  return {
    deliveries: {
      find: async (id) => ownOrNull(caller, await deliveries.find(id)),
      event: async (id) => ownOrNull(caller, await deliveries.event(id)),
      list: async (filter, page) => {
        await mustBeOwn(filter.subscription_id);
        return deliveries.list(filter, page);
      },
      ofEvent: async (filter, page) => deliveries.ofEvent(within(caller, filter), page),
    },
    attempts: {
      search: async (filter, page) => {
        const found = await attempts.search(within(caller, filter), page);
        if (found.data.length === 0) await mustBeOwn(filter.subscription_id);
        return found;
      },
    },
    formerSubscriptions: {
      at: async (...asked) => {
        const found = await formerSubscriptions.at(...asked);
        return new Map([...found].filter(([, { tenant_id }]) => maySee(caller, tenant_id)));
      },
    },
    stats: {
      perMinute: async (filter) => {
        await mustBeOwn(filter.subscription_id);
        return stats.perMinute(filter);
      },
      totals: async (filter) => {
        const counted = await stats.totals(within(caller, filter));
        if (counted.events === 0 && counted.attempts === 0) await mustBeOwn(filter.subscription_id);
        return counted;
      },
      eventTypes: async (filter) => stats.eventTypes(within(caller, filter)),
    },
    ledger: {
      read: async (question) => {
        const told = await ledger.read(within(caller, question));
        const found = Object.values(told.found).some((count) => count > 0);
        if (told.accepted === 0 && !found) await mustBeOwn(question.subscription_id);
        return told;
      },
    },
    liveTail: {
      listen: async (choice, resumeFrom, signal) => {
        await mustBeOwn(choice.subscription_id);
        return liveTail.listen(within(caller, choice), resumeFrom, signal);
      },
    },
  };
}
