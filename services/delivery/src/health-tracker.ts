import type { Health, PostResult, Subscription } from '@milena/domain';
import type { CancelTimer, Clock, Logger } from '@milena/runtime';
import type { SubscriptionDirectory, SubscriptionHealthStore } from '@milena/stores';
import type { BreakerState } from './breakers.ts';

/** An endpoint that flaps costs the store one write in this time, not one per attempt. */
const WRITE_INTERVAL_MS = 5000;
/**
 * Endpoints that go bad together are written one after the other, for each costs the store a write and then a read; or so
 * many at a time that a hundred turns would do.
 */
const WRITE_SPACING_MS = 10;
const WRITE_TURNS = 100;

interface HealthTrackerDeps {
  store: SubscriptionHealthStore;
  directory: Pick<SubscriptionDirectory, 'invalidate'>;
  clock: Clock;
  logger: Logger;
  /** Failing for this long without a break disables a subscription. */
  disableAfterMs: number;
}

interface Observation {
  result: PostResult;
  /** After the attempt. */
  breaker: BreakerState;
  /** The endpoint wants no more. */
  gone: boolean;
}

/**
 * Keeps the stored health of subscriptions in step with what attempts show. Written on transitions only; never waited
 * for, because a delivery must not depend on it: what could not be written is tried again later.
 */
export interface HealthTracker {
  observe(
    subscription: Subscription,
    seen: { result: PostResult; breaker: BreakerState; gone: boolean },
  ): void;
  /** Writes what was held back; to be called every second or two. */
  flush(): void;
  /** Writes what waits; from now on nothing does. */
  stop(): void;
}

interface Memory {
  tenant_id: string;
  /** The subscription's version when last seen: a change by hand counts more than our memory. */
  version: number;
  shown: Health;
  stored: Health;
  failingSince: number | null;
  /** Why it is to be disabled; empty otherwise. */
  reason: string;
  /** ms since the epoch. */
  nextWriteAt: number;
  writing: boolean;
}

/** Only subscriptions that are not simply healthy, by id. */
type Memories = Map<string, Memory>;

export function createHealthTracker(deps: HealthTrackerDeps): HealthTracker {
  const { clock } = deps;
  const memories: Memories = new Map();
  /** Whose health may have to be written, the longest known first. */
  const changed = new Set<string>();
  let resting: CancelTimer | null = null;
  let stopped = false;

  function writeNext(): void {
    resting = null;
    let left = Math.ceil(changed.size / WRITE_TURNS);
    for (const id of changed) {
      changed.delete(id);
      const memory = memories.get(id);
      if (memory === undefined || !write(deps, id, memory)) continue;
      resting ??= clock.after(WRITE_SPACING_MS, writeNext);
      left -= 1;
      if (left === 0) return;
    }
  }

  return {
    observe: (subscription, seen) => {
      const { id } = subscription;
      if (seen.result.ok && subscription.health === 'healthy' && !memories.has(id)) return;
      const memory = recall(memories, subscription);
      if (memory.shown === 'disabled') return;
      learn(memory, seen);
      const reason = whyToDisable(memory, seen, clock.now() - deps.disableAfterMs);
      if (reason !== null) disable(memory, reason);
      if (reason !== null || stopped) write(deps, id, memory);
      else changed.add(id);
      if (resting === null) writeNext();
    },
    flush: () => {
      for (const [id, memory] of memories) {
        const settled = memory.shown === 'healthy' && memory.stored === 'healthy';
        if (memory.shown === 'disabled') write(deps, id, memory);
        else if (settled && !memory.writing && clock.now() >= memory.nextWriteAt) memories.delete(id);
        else if (memory.shown !== memory.stored) changed.add(id);
      }
      if (resting === null) writeNext();
    },
    stop: () => {
      stopped = true;
      resting?.();
      resting = null;
      for (const [id, memory] of memories) if (changed.delete(id)) write(deps, id, memory);
    },
  };
}

function recall(memories: Memories, subscription: Subscription): Memory {
  const known = memories.get(subscription.id);
  if (known?.version === subscription.version) return known;
  const { tenant_id, version, health, failing_since } = subscription;
  const failingSince = failing_since === null ? null : Date.parse(failing_since);
  const memory: Memory = {
    tenant_id,
    version,
    shown: health,
    stored: health,
    failingSince,
    reason: '',
    nextWriteAt: known?.nextWriteAt ?? 0,
    writing: false,
  };
  memories.set(subscription.id, memory);
  return memory;
}

function learn(memory: Memory, { result, breaker }: Observation): void {
  if (result.ok) {
    memory.failingSince = null;
    memory.shown = 'healthy';
  } else {
    memory.failingSince ??= result.started_at;
    memory.shown = breaker === 'closed' ? 'failing' : 'open';
  }
}

/** @param longAgo ms since the epoch: failing since then, or earlier, is too long */
function whyToDisable(
  { failingSince }: Memory,
  { result, gone }: Observation,
  longAgo: number,
): string | null {
  if (gone) return 'The endpoint answered 410 Gone.';
  if (failingSince === null || failingSince > longAgo) return null;
  const began = new Date(failingSince).toISOString();
  return `Every attempt since ${began} failed. The last: ${result.error_detail}`;
}

function disable(memory: Memory, reason: string): void {
  memory.shown = 'disabled';
  memory.reason = reason;
  // Every further attempt would be one too many.
  memory.nextWriteAt = 0;
}

/** @returns false when there is nothing to write, or not yet */
function write(deps: HealthTrackerDeps, id: string, memory: Memory): boolean {
  const { clock, directory, logger } = deps;
  const now = clock.now();
  if (memory.writing || memory.shown === memory.stored || now < memory.nextWriteAt) return false;
  const { shown } = memory;
  memory.writing = true;
  memory.nextWriteAt = now + WRITE_INTERVAL_MS;
  store(deps, id, memory)
    .then(() => {
      memory.stored = shown;
      return directory.invalidate(id, memory.tenant_id);
    })
    .catch((error: unknown) => {
      logger.error({
        event: 'subscription.health_not_stored',
        subscription_id: id,
        health: shown,
        err: error,
      });
    })
    .finally(() => {
      memory.writing = false;
    });
  return true;
}

async function store({ store, logger }: HealthTrackerDeps, id: string, memory: Memory): Promise<void> {
  const { shown, reason, failingSince } = memory;
  if (shown !== 'disabled') return store.setHealth(id, shown, failingSince);
  if (await store.disable(id, reason))
    logger.warn({ event: 'subscription.disabled', subscription_id: id, reason });
}
