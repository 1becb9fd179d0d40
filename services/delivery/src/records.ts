import {
  deadLetterDelivery,
  encodeDeadLetter,
  encodeDelivery,
  encodeHeld,
  encodeLogEntries,
  newId,
  outcomeOf,
  type Attempt,
  type DeadLetterFacts,
  type Decision,
  type Delivery,
  type DispositionKind,
  type LogEntry,
  type PostResult,
  type RetryRoute,
  type Subscription,
} from '@milena/domain';
import { DEAD_LETTER, DELIVERIES, DELIVERY_LOG, HELD, retryTopic, type LogRecord } from '@milena/log';
import type { DeferReason, Turn } from './lane.ts';

const DEFER_WORDS: Record<DeferReason, string> = {
  breaker_open: 'the endpoint keeps failing and is left alone for a while (circuit breaker open)',
  lane_full: 'the endpoint is slower than its deliveries come in',
  rate_limit: 'the rate limit of the subscription is reached',
  worker_stops: 'the worker that had it stops, another one takes it',
  secret_unreadable: 'the secret that signs it lies under another SECRETS_KEY',
};

/** One attempt as it is logged. */
export function attemptRow(made: {
  delivery: Delivery;
  subscription: Pick<Subscription, 'target_url' | 'version'>;
  turn: Pick<Turn, 'breaker_state' | 'lane_state'>;
  result: PostResult;
  decision: Decision;
  worker: string;
}): Attempt {
  const { delivery, subscription, turn, result, decision } = made;
  return {
    attempt_id: newId(result.started_at),
    delivery_id: delivery.delivery_id,
    event_id: delivery.event_id,
    tenant_id: delivery.tenant_id,
    subscription_id: delivery.subscription_id,
    event_type: delivery.event_type,
    target_url: delivery.target_url ?? subscription.target_url,
    attempt_number: delivery.attempt,
    accepted_at: delivery.accepted_at,
    started_at: result.started_at,
    duration_ms: result.duration_ms,
    dns_ms: result.timings.dns_ms,
    connect_ms: result.timings.connect_ms,
    tls_ms: result.timings.tls_ms,
    first_byte_ms: result.timings.first_byte_ms,
    resolved_address: result.resolved_address,
    subscription_version: subscription.version,
    breaker_state: turn.breaker_state,
    lane_state: turn.lane_state,
    outcome: outcomeOf(decision),
    http_status: result.http_status,
    error_kind: result.error_kind,
    error_detail: result.error_detail,
    response_headers: result.response_headers,
    response_body: result.response_body,
    next_attempt_at: decision.kind === 'retry' ? decision.due_at : null,
    next_reason: decision.reason,
    replay_of: delivery.replay_of,
    may_repeat: delivery.may_repeat,
    worker: made.worker,
  };
}

/** What becomes of a delivery: what its history says, and where it goes. One append has both, so neither is without the other. */
export interface Aftermath {
  entry: LogEntry | null;
  next: readonly LogRecord[];
}

/**
 * Entries in one record of the delivery log: some 15 KB, and half a MB when endpoints answer with control characters, of
 * which JSON makes six each. Below the 1 MiB that a topic takes by default, should somebody else have made it.
 */
const ENTRIES_PER_RECORD = 16;

/** The records of several deliveries, whose entries share as few as may be. */
export function recordsOf(aftermaths: readonly Aftermath[]): LogRecord[] {
  const entries = aftermaths.flatMap(({ entry }) => (entry === null ? [] : [entry]));
  const records: LogRecord[] = [];
  for (let from = 0; from < entries.length; from += ENTRIES_PER_RECORD) {
    const [first, ...others] = entries.slice(from, from + ENTRIES_PER_RECORD);
    if (first) records.push({ topic: DELIVERY_LOG, ...encodeLogEntries([first, ...others]) });
  }
  for (const { next } of aftermaths) records.push(...next);
  return records;
}

/** The attempt, and what it led to: a retry, a dead letter, or nothing more. */
export function afterAttempt(
  delivery: Delivery,
  attempt: Attempt,
  decision: Decision,
  by: { now: number; tellOperator: boolean },
): Aftermath {
  const { entry } = attemptAlone(attempt);
  if (decision.kind === 'delivered') return { entry, next: [] };
  if (decision.kind === 'retry') {
    const fresh = { deferrals: 0, may_repeat: false };
    const next = { ...delivery, ...fresh, attempt: delivery.attempt + 1, due_at: decision.due_at };
    return { entry, next: [{ topic: retryTopic(decision.delay), ...encodeDelivery(next) }] };
  }
  const reason = `${decision.reason}; last: ${attempt.error_detail}`;
  const facts = { reason, at: by.now, attempts: delivery.attempt };
  return { entry, next: deadLetter(delivery, facts, by.tellOperator) };
}

export function attemptAlone(attempt: Attempt): Aftermath {
  return { entry: { kind: 'attempt', attempt }, next: [] };
}

/** An ending without an attempt. What expired can still be replayed by hand, so it is kept as a dead letter. */
export function afterEnding(
  delivery: Delivery,
  what: 'cancelled' | 'expired',
  why: string,
  by: { now: number; tellOperator: boolean },
): Aftermath {
  const entry = disposition(delivery, what, why, by.now, null);
  if (what === 'cancelled') return { entry, next: [] };
  const facts = { reason: why, at: by.now, attempts: delivery.attempt - 1 };
  return { entry, next: deadLetter(delivery, facts, by.tellOperator) };
}

/** A delivery put off. Only the first time since its last attempt is logged: the rest says nothing new. */
export function afterDeferral(
  delivery: Delivery,
  route: RetryRoute,
  reason: DeferReason,
  now: number,
): Aftermath {
  // These are our own doing: meanwhile it may become as old as it likes, and gets its attempt all the same.
  const ours = reason === 'worker_stops' || reason === 'secret_unreadable';
  const deferrals = ours ? delivery.deferrals : delivery.deferrals + 1;
  const again = { ...delivery, due_at: route.due_at, deferrals };
  const next = [{ topic: retryTopic(route.delay), ...encodeDelivery(again) }];
  // For a secret it comes back every minute, as often as it takes.
  const toldBefore = delivery.deferrals > 0 || (reason === 'secret_unreadable' && delivery.due_at !== null);
  if (toldBefore) return { entry: null, next };
  return { entry: disposition(delivery, 'deferred', DEFER_WORDS[reason], now, route.due_at), next };
}

/** A delivery of a paused subscription: kept until it is released, with its attempts left as they are. */
export function afterHold(delivery: Delivery, now: number): Aftermath {
  const entry = disposition(delivery, 'held', 'the subscription is paused', now, null);
  return { entry, next: [{ topic: HELD, ...encodeHeld(delivery, now) }] };
}

function disposition(
  delivery: Delivery,
  what: DispositionKind,
  why: string,
  at: number,
  next_attempt_at: number | null,
): LogEntry {
  const { delivery_id, event_id, tenant_id, subscription_id, event_type } = delivery;
  // No spread: V8 may make a hidden class, in old memory, for each object that begins with one and gains a field after it.
  const row = {
    delivery_id,
    event_id,
    tenant_id,
    subscription_id,
    event_type,
    at,
    what,
    why,
    next_attempt_at,
  };
  return { kind: 'disposition', disposition: row };
}

/** The letter and, when the operator is to be told, the event about it as a delivery of its own. */
function deadLetter(delivery: Delivery, facts: DeadLetterFacts, tellOperator: boolean): LogRecord[] {
  const fresh = { ...delivery, due_at: null, deferrals: 0, may_repeat: false };
  const letter = { topic: DEAD_LETTER, ...encodeDeadLetter(fresh, facts) };
  const event = tellOperator ? deadLetterDelivery(delivery, facts) : null;
  return event === null ? [letter] : [letter, { topic: DELIVERIES, ...encodeDelivery(event) }];
}
