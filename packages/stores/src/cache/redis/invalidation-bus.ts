import { randomUUID } from 'node:crypto';
import type { InvalidationBus, InvalidationListener } from '../invalidation-bus.ts';
import { channelOf, type Redis } from './open-redis.ts';
import { markChanged } from './shared-values.ts';

interface Change {
  subscription_id: string;
  tenant_id: string;
}

/** Changes remembered while Redis is away; of more, others see the oldest when their copies run out. */
const MAX_UNTOLD = 1000;

/**
 * Tells every process on the same Redis, and makes the values worthless that `createRedisLiveSubscriptions` shares.
 * `publish` takes as long as Redis does, at most the command timeout. What it couldn't tell it tells when Redis is
 * back, before any read. Ends with `redis`.
 */
export function createRedisInvalidationBus({ redis }: { redis: Redis }): InvalidationBus {
  const listeners = new Set<InvalidationListener>();
  const untold = new Map<string, Change>();
  const sender = randomUUID();

  const changed = (change: Change): void => {
    for (const listener of listeners) listener.changed(change.subscription_id, change.tenant_id);
  };

  /** Our own listeners hear of it in the end, told or not. */
  async function tell(changes: readonly Change[]): Promise<void> {
    const marked = changes.flatMap(({ subscription_id, tenant_id }) => [
      { kind: 'subscription' as const, id: subscription_id },
      { kind: 'tenant' as const, id: tenant_id },
    ]);
    try {
      await markChanged(redis, marked, randomUUID(), {
        channel: channelOf(redis.prefix),
        texts: changes.map((change) => encode({ ...change, sender })),
      });
      for (const change of changes) if (untold.get(keyOf(change)) === change) untold.delete(keyOf(change));
    } catch {
      // It stays among the untold, and the connection has been given up.
    }
    for (const change of changes) changed(change);
  }

  redis.commands.watch({
    up: () => {
      if (untold.size > 0) void tell([...untold.values()]);
    },
  });
  redis.channel.watch({
    down: () => {
      for (const listener of listeners) listener.channelLost();
    },
    up: () => {
      for (const listener of listeners) listener.channelBack();
    },
    message: (text) => {
      const message = decode(text);
      // Perhaps a change, told in words of another release: anything may have changed.
      if (message === null) for (const listener of listeners) listener.channelBack();
      else if (message.sender !== sender) changed(message);
    },
  });

  return {
    publish: (subscription_id, tenant_id) => {
      const change = { subscription_id, tenant_id };
      remember(untold, change);
      return tell([change]);
    },
    subscribe: (listener) => {
      // A copy, so that the same listener given twice is two subscriptions.
      const own = { ...listener };
      listeners.add(own);
      if (redis.channel.session() === null) own.channelLost();
      return () => listeners.delete(own);
    },
  };
}

function keyOf({ subscription_id, tenant_id }: Change): string {
  return `${subscription_id} ${tenant_id}`;
}

function remember(untold: Map<string, Change>, change: Change): void {
  // Deleted first, so that the order is that of the latest change.
  untold.delete(keyOf(change));
  untold.set(keyOf(change), change);
  const [oldest] = untold.keys();
  if (untold.size > MAX_UNTOLD && oldest !== undefined) untold.delete(oldest);
}

type Message = Change & { sender: string };

function encode({ sender, subscription_id, tenant_id }: Message): string {
  return JSON.stringify([sender, subscription_id, tenant_id]);
}

/** null when it isn't one of ours. */
function decode(text: string): Message | null {
  try {
    const parts: unknown = JSON.parse(text);
    if (!Array.isArray(parts) || parts.length !== 3) return null;
    const [sender, subscription_id, tenant_id] = parts as unknown[];
    if (typeof sender !== 'string' || typeof subscription_id !== 'string' || typeof tenant_id !== 'string')
      return null;
    return { sender, subscription_id, tenant_id };
  } catch {
    return null;
  }
}
