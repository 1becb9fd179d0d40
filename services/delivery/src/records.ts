import {
  deadLetterDelivery,
  encodeDeadLetter,
  encodeDelivery,
  encodeHeld,
  encodeLogEntry,
  newId,
  outcomeOf,
  type Attempt,
  type DeadLetterFacts,
  type Decision,
  type Delivery,
  type DispositionKind,
  type LiveSubscription,
  type PostResult,
  type RetryRoute,
} from '@milena/domain';
import { DEAD_LETTER, DELIVERIES, DELIVERY_LOG, HELD, retryTopic, type LogRecord } from '@milena/log';
import type { DeferReason, Turn } from './lane.ts';

const DEFER_WORDS: Record<DeferReason, string> = {
  breaker_open: 'the endpoint keeps failing and is left alone for a while (circuit breaker open)',
  lane_full: 'the endpoint is slower than its deliveries come in',
  rate_limit: 'the rate limit of the subscription is reached',
  worker_stops: 'the worker that had it stops, another one takes it',
};

/** One attempt as it is logged. */
export function attemptRow(made: {
  delivery: Delivery;
  live: Pick<LiveSubscription, 'subscription'>;
  turn: Pick<Turn, 'breaker_state' | 'lane_state'>;
  result: PostResult;
  decision: Decision;
  worker: string;
}): Attempt {
  const { delivery, turn, result, decision } = made;
  const { subscription } = made.live;
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

/** The attempt, and what it led to: a retry, a dead letter, or nothing more. One append, so neither is without the other. */
export function recordsAfterAttempt(
  delivery: Delivery,
  attempt: Attempt,
  decision: Decision,
  by: { now: number; tellOperator: boolean },
): LogRecord[] {
  const log = attemptRecord(attempt);
  if (decision.kind === 'delivered') return [log];
  if (decision.kind === 'retry') {
    const fresh = { deferrals: 0, may_repeat: false };
    const next = { ...delivery, ...fresh, attempt: delivery.attempt + 1, due_at: decision.due_at };
    return [log, { topic: retryTopic(decision.delay), ...encodeDelivery(next) }];
  }
  const reason = `${decision.reason}; last: ${attempt.error_detail}`;
  const facts = { reason, at: by.now, attempts: delivery.attempt };
  return [log, ...deadLetter(delivery, facts, by.tellOperator)];
}

export function attemptRecord(attempt: Attempt): LogRecord {
  return { topic: DELIVERY_LOG, ...encodeLogEntry({ kind: 'attempt', attempt }) };
}

/** An ending without an attempt. What expired can still be replayed by hand, so it is kept as a dead letter. */
export function recordsOfEnding(
  delivery: Delivery,
  what: 'cancelled' | 'expired',
  why: string,
  by: { now: number; tellOperator: boolean },
): LogRecord[] {
  const log = disposition(delivery, what, why, by.now, null);
  if (what === 'cancelled') return [log];
  const facts = { reason: why, at: by.now, attempts: delivery.attempt - 1 };
  return [log, ...deadLetter(delivery, facts, by.tellOperator)];
}

/** A delivery put off. Only the first time since its last attempt is logged: the rest says nothing new. */
export function recordsOfDeferral(
  delivery: Delivery,
  route: RetryRoute,
  reason: DeferReason,
  now: number,
): LogRecord[] {
  const next = { ...delivery, due_at: route.due_at, deferrals: delivery.deferrals + 1 };
  const again = { topic: retryTopic(route.delay), ...encodeDelivery(next) };
  if (delivery.deferrals > 0) return [again];
  return [disposition(delivery, 'deferred', DEFER_WORDS[reason], now, route.due_at), again];
}

/** A delivery of a paused subscription: kept until it is released, with its attempts left as they are. */
export function recordsOfHold(delivery: Delivery, now: number): LogRecord[] {
  const log = disposition(delivery, 'held', 'the subscription is paused', now, null);
  return [log, { topic: HELD, ...encodeHeld(delivery, now) }];
}

function disposition(
  delivery: Delivery,
  what: DispositionKind,
  why: string,
  at: number,
  nextAttemptAt: number | null,
): LogRecord {
  const { delivery_id, event_id, tenant_id, subscription_id, event_type } = delivery;
  const entry = { delivery_id, event_id, tenant_id, subscription_id, event_type, at, what, why };
  return {
    topic: DELIVERY_LOG,
    ...encodeLogEntry({ kind: 'disposition', disposition: { ...entry, next_attempt_at: nextAttemptAt } }),
  };
}

/** The letter and, when the operator is to be told, the event about it as a delivery of its own. */
function deadLetter(delivery: Delivery, facts: DeadLetterFacts, tellOperator: boolean): LogRecord[] {
  const fresh = { ...delivery, due_at: null, deferrals: 0, may_repeat: false };
  const letter = { topic: DEAD_LETTER, ...encodeDeadLetter(fresh, facts) };
  const event = tellOperator ? deadLetterDelivery(delivery, facts) : null;
  return event === null ? [letter] : [letter, { topic: DELIVERIES, ...encodeDelivery(event) }];
}
