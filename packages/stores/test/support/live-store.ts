import type { LiveSubscription, Subscription } from '@milena/domain';
import { StoreUnavailableError, type LiveSubscriptionStore } from '../../src/ports.ts';
import { subscriptionInput } from './subscription-input.ts';

export function live(id: string, changes: Partial<Subscription> = {}): LiveSubscription {
  const subscription: Subscription = {
    ...subscriptionInput(),
    id,
    disabled_reason: null,
    has_secret: false,
    health: 'healthy',
    failing_since: null,
    version: 1,
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    ...changes,
  };
  return { subscription, secrets: [], cancelled: new Set() };
}

export type FakeLiveStore = ReturnType<typeof createFakeLiveStore>;

/** A store in memory that counts its reads, can be away, and can be held up in the middle of a read. */
export function createFakeLiveStore() {
  const rows = new Map<string, LiveSubscription>();
  const state = { loads: 0, away: false, gate: Promise.resolve() };
  const read = async <T>(value: () => T): Promise<T> => {
    state.loads += 1;
    if (state.away) throw new StoreUnavailableError('away');
    // What is read is what was there when the read began.
    const found = value();
    await state.gate;
    return found;
  };
  const store: LiveSubscriptionStore = {
    load: (id) => read(() => rows.get(id) ?? null),
    idsOfTenant: (tenantId) =>
      read(() =>
        [...rows.values()]
          .filter(({ subscription }) => subscription.tenant_id === tenantId && subscription.enabled)
          .map(({ subscription }) => subscription.id),
      ),
  };
  /** Reads that begin from now on end when the returned function is called. */
  const hold = () => {
    let letGo = (): void => undefined;
    state.gate = new Promise<void>((resolve) => (letGo = resolve));
    return letGo;
  };
  return { rows, state, store, hold };
}
