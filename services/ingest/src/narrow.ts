import { isOperatorSubscription } from '@milena/domain';
import { maySee, notFound, type Principal } from '@milena/http';
import type { SubscriptionDirectory } from '@milena/stores';

type Directory = Pick<SubscriptionDirectory, 'get' | 'ofTenant'>;

/**
 * Subscriptions as a caller sees them: to a key that is bound to a tenant those of others don't exist. A call without a
 * key sees all of them; the subscription's secret is what it has to prove itself by. The operator's is nobody's to send to:
 * what arrives there is an operational event of ours.
 */
export function narrow(directory: Directory, caller: Principal | null): Directory {
  return {
    get: async (id) => {
      if (isOperatorSubscription(id)) return null;
      const found = await directory.get(id);
      return found !== null && maySee(caller, found.subscription.tenant_id) ? found : null;
    },
    ofTenant: async (tenantId) => {
      if (!maySee(caller, tenantId)) throw notFound('tenant');
      return directory.ofTenant(tenantId);
    },
  };
}
