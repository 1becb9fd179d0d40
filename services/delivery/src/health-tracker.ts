import type { Health, PostResult, RetryDelay, Subscription } from '@milena/domain';
import type { CancelTimer, Clock, Logger } from '@milena/runtime';
import type { HealthSeen, SubscriptionDirectory, SubscriptionHealthStore } from '@milena/stores';
import type { BreakerState } from './breakers.ts';

/** An endpoint that flaps costs the store one write in this time, not one per attempt. */
const WRITE_INTERVAL_MS = 5000;
/**
 * Endpoints that go bad together are written one after the other, for each costs the store a write and then a read: fifty in
 * somewhat more than a second, more of them closer to each other, and very many so many at a time that a hundred turns
 * would do.
 */
const WRITE_SPREAD_MS = 1250;
const WRITE_SPACING_MS = { least: 10, most: 25 };
const WRITE_TURNS = 100;
/**
 * What was not seen for this long may be another worker's by now, or gone: the next attempt brings what is stored. Longer
 * than the probes of an open breaker lie apart, so that an endpoint that is down is not learnt anew with each.
 */
const REMEMBERED_MS = 2 * 60_000;
/**
 * A time without failures that is longer than this part of DISABLE_AFTER ends a spell, for then nobody knows how the
 * endpoint was. Not less than twice what lies between two attempts while retries or a breaker's probes go on as they
 * should. At the default (30 h) an endpoint that gets one event a day is still one that fails without a break.
 */
const BREAK_SHARE = 1 / 4;
const PROBES_APART_MS = 60_000;
/** An endpoint that goes on failing is written this often in the longest break, so that nobody takes it for one. */
const REMINDERS = 10;

interface HealthTrackerDeps {
  store: SubscriptionHealthStore;
  directory: Pick<SubscriptionDirectory, 'invalidate'>;
  clock: Clock;
  logger: Logger;
  /** Failing for this long without a break disables a subscription. */
  disableAfterMs: number;
  config: { retryDelays: readonly RetryDelay[] };
}

interface Observation {
  result: PostResult;
  /** After the attempt. */
  breaker: BreakerState;
  /** The endpoint wants no more. */
  gone: boolean;
}

/**
 * Keeps the stored health of subscriptions in step with what attempts show. Written on transitions, and now and then while
 * an endpoint fails; never waited for, because a delivery must not depend on it: what could not be written is tried again
 * later.
 */
export interface HealthTracker {
  /** @param subscription as the attempt used it */
  observe(
    subscription: Subscription,
    seen: { result: PostResult; breaker: BreakerState; gone: boolean },
  ): void;
  /** Writes what was held back and forgets what is over; to be called every second or two. */
  flush(): void;
  /** Writes what waits; from now on nothing does. */
  stop(): void;
}

/** Why a subscription is to be disabled, and the beginning of the spell that this rests on; null = on no spell. */
interface Verdict {
  reason: string;
  since: number | null;
}

/** Times in ms since the epoch. */
interface Memory {
  tenant_id: string;
  target_url: string;
  /** The subscription's version when last seen: a change by hand counts more than our memory. */
  version: number;
  shown: Exclude<Health, 'disabled'>;
  stored: Health;
  failingSince: number | null;
  /** The `failingSince` that is stored. */
  storedSince: number | null;
  /** When the last failed attempt began; null = none since it was healthy or is remembered. */
  failedAt: number | null;
  /** The `failedAt` of the last write; 0 = none yet: the store does not know from us that the spell goes on. */
  remindedAt: number;
  verdict: Verdict | null;
  observedAt: number;
  nextWriteAt: number;
  writing: boolean;
}

/** Only subscriptions that are not simply healthy, by id. */
type Memories = Map<string, Memory>;

type Context = HealthTrackerDeps & { memories: Memories; longestBreakMs: number };

export function createHealthTracker(deps: HealthTrackerDeps): HealthTracker {
  const { clock } = deps;
  const memories: Memories = new Map();
  const context: Context = { ...deps, memories, longestBreakMs: longestBreak(deps) };
  /** Whose health may have to be written, the longest known first. */
  const changed = new Set<string>();
  /** How many there were at most since there were none. */
  let together = 0;
  let resting: CancelTimer | null = null;
  let stopped = false;

  function writeNext(): void {
    resting = null;
    together = changed.size === 0 ? 0 : Math.max(together, changed.size);
    let left = Math.ceil(changed.size / WRITE_TURNS);
    for (const id of changed) {
      changed.delete(id);
      const memory = memories.get(id);
      if (memory === undefined || !write(context, id, memory)) continue;
      resting ??= clock.after(spacingOf(together), writeNext);
      left -= 1;
      if (left === 0) return;
    }
  }

  return {
    observe: (subscription, seen) => {
      const { id } = subscription;
      if (seen.result.ok && subscription.health === 'healthy' && !memories.has(id)) return;
      const memory = recall(memories, subscription);
      if (memory === null || memory.verdict !== null) return;
      memory.observedAt = clock.now();
      learn(memory, seen);
      memory.verdict = judge(memory, seen, clock.now() - deps.disableAfterMs);
      // Every further attempt would be one too many.
      if (memory.verdict !== null) memory.nextWriteAt = 0;
      if (memory.verdict !== null || stopped) write(context, id, memory);
      else changed.add(id);
      if (resting === null) writeNext();
    },
    flush: () => {
      for (const [id, memory] of memories) {
        if (memory.verdict !== null) write(context, id, memory);
        else if (isToWrite(context, memory)) changed.add(id);
        if (isOver(context, memory)) memories.delete(id);
      }
      if (resting === null) writeNext();
    },
    stop: () => {
      stopped = true;
      resting?.();
      resting = null;
      for (const [id, memory] of memories) if (changed.delete(id)) write(context, id, memory);
    },
  };
}

function spacingOf(together: number): number {
  const { least, most } = WRITE_SPACING_MS;
  return Math.min(most, Math.max(least, WRITE_SPREAD_MS / together));
}

function longestBreak({ disableAfterMs, config }: HealthTrackerDeps): number {
  const longestDelayMs = config.retryDelays.at(-1)?.ms ?? 0;
  return Math.max(disableAfterMs * BREAK_SHARE, 2 * (longestDelayMs + PROBES_APART_MS));
}

/** @returns null for what says nothing: the subscription was changed after the attempt had begun, or was disabled */
function recall(memories: Memories, subscription: Subscription): Memory | null {
  const known = memories.get(subscription.id);
  if (known?.version === subscription.version) return known;
  const { tenant_id, target_url, version, health, failing_since } = subscription;
  const failingSince = failing_since === null ? null : Date.parse(failing_since);
  if (health === 'disabled' || (known !== undefined && known.version > version)) return null;
  const memory: Memory = {
    ...{ tenant_id, target_url, version },
    shown: health,
    stored: health,
    failingSince,
    storedSince: failingSince,
    failedAt: null,
    remindedAt: 0,
    verdict: null,
    observedAt: 0,
    nextWriteAt: known?.nextWriteAt ?? 0,
    writing: false,
  };
  memories.set(subscription.id, memory);
  return memory;
}

function learn(memory: Memory, { result, breaker }: Observation): void {
  if (result.ok) {
    memory.failingSince = null;
    memory.failedAt = null;
    memory.shown = 'healthy';
  } else {
    memory.failingSince ??= result.started_at;
    memory.failedAt = Math.max(memory.failedAt ?? 0, result.started_at);
    memory.shown = breaker === 'closed' ? 'failing' : 'open';
  }
}

/** @param longAgo ms since the epoch: failing since then, or earlier, is too long */
function judge({ failingSince }: Memory, { result, gone }: Observation, longAgo: number): Verdict | null {
  if (gone) return { reason: 'The endpoint answered 410 Gone.', since: null };
  if (failingSince === null || failingSince > longAgo) return null;
  const began = new Date(failingSince).toISOString();
  const reason = `Every attempt since ${began} failed. The last: ${result.error_detail}`;
  return { reason, since: failingSince };
}

const isTo = ({ verdict, shown }: Memory): Health => (verdict === null ? shown : 'disabled');

function isToWrite({ longestBreakMs }: Context, memory: Memory): boolean {
  const { verdict, failedAt, remindedAt } = memory;
  if (isTo(memory) !== memory.stored) return true;
  if (verdict !== null) return false;
  // Another spell already: it was healthy for less than the time between two writes.
  if (memory.failingSince !== memory.storedSince) return true;
  return failedAt !== null && failedAt - remindedAt >= longestBreakMs / REMINDERS;
}

/** Nothing is lost with it: it is stored, and no attempt has shown anything lately. */
function isOver(context: Context, memory: Memory): boolean {
  const now = context.clock.now();
  if (memory.writing || now < memory.nextWriteAt || isToWrite(context, memory)) return false;
  return memory.stored === 'healthy' || now - memory.observedAt >= REMEMBERED_MS;
}

/** @returns false when there is nothing to write, or not yet */
function write(context: Context, id: string, memory: Memory): boolean {
  const { clock, directory, logger } = context;
  const now = clock.now();
  if (memory.writing || now < memory.nextWriteAt || !isToWrite(context, memory)) return false;
  const { stored, storedSince, failingSince, failedAt, remindedAt } = memory;
  const health = isTo(memory);
  memory.writing = true;
  memory.nextWriteAt = now + WRITE_INTERVAL_MS;
  store(context, id, memory)
    .then(() => {
      memory.stored = health;
      memory.storedSince = failingSince;
      memory.remindedAt = failedAt ?? remindedAt;
      // A reminder is news to nobody.
      if (health === stored && failingSince === storedSince) return;
      return directory.invalidate(id, memory.tenant_id);
    })
    .catch((error: unknown) => {
      const event = 'subscription.health_not_stored';
      logger.error({ event, subscription_id: id, health, err: error });
    })
    .finally(() => {
      memory.writing = false;
    });
  return true;
}

async function store(context: Context, id: string, memory: Memory): Promise<void> {
  const { store, logger, memories, longestBreakMs } = context;
  const { shown, verdict, failingSince, target_url } = memory;
  const seen: HealthSeen = { target_url, failed_at: memory.failedAt, longest_break_ms: longestBreakMs };
  // Before it decides about a spell, what is stored must tell of the last failure as well.
  if (verdict?.since !== null) await store.setHealth(id, shown, failingSince, seen);
  if (verdict === null) return;
  const { reason, since } = verdict;
  if (await store.disable(id, reason, { target_url, failing_since: since }))
    logger.warn({ event: 'subscription.disabled', subscription_id: id, reason });
  // The store knows of a success, a break or an edit that we did not see: the next attempt brings what is stored.
  else if (since !== null && memories.get(id) === memory) memories.delete(id);
}
