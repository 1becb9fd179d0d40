import type { Decision, Delivery, LiveSubscription, PostResult, RetryRoute } from '@milena/domain';
import type { ConsumedRecord } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { Appends } from './appends.ts';
import type { HealthTracker } from './health-tracker.ts';
import type { DeferReason, Turn } from './lane.ts';
import {
  afterAttempt,
  afterDeferral,
  afterEnding,
  afterHold,
  attemptAlone,
  attemptRow,
  type Aftermath,
} from './records.ts';
import type { Tenure } from './tenure.ts';

interface ApplyDeps {
  appends: Pick<Appends, 'append'>;
  health: HealthTracker;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  worker: string;
  config: { tellOperator: boolean };
}

/** A record in hand. */
export interface Held {
  record: ConsumedRecord;
  delivery: Delivery;
  tenure: Tenure;
}

export interface AttemptMade {
  live: LiveSubscription;
  turn: Turn;
  result: PostResult;
  decision: Decision;
}

const DEAD_LETTER_REASONS = ['failure', 'gone', 'expired', 'undecodable'];

/**
 * Carries decisions out: appends what follows and acks only once that is durable. While the log is away it waits and
 * appends the same records again, ids included, so a POST is never repeated for want of an append.
 */
export interface Apply {
  ended(held: Held, what: 'cancelled' | 'expired', why: string): Promise<void>;
  /** For as long as the subscription is paused. */
  hold(held: Held): Promise<void>;
  putOff(held: Held, route: RetryRoute, reason: DeferReason): Promise<void>;
  attempted(held: Held, made: AttemptMade): Promise<void>;
}

export function createApply(deps: ApplyDeps): Apply {
  const { appends, clock, metrics } = deps;
  const { tellOperator } = deps.config;
  // There from the start: of a counter that appears with its first value Prometheus sees no increase.
  for (const reason of DEAD_LETTER_REASONS) metrics.deadLetters.inc({ reason }, 0);

  async function settle({ record, tenure }: Held, aftermath: Aftermath): Promise<boolean> {
    if (!(await appends.append(aftermath))) return false;
    if (!tenure.ended) record.ack();
    return true;
  }

  return {
    ended: async (held, what, why) => {
      // Whoever has the partition now decides this anew.
      if (held.tenure.ended) return;
      const by = { now: clock.now(), tellOperator };
      if (!(await settle(held, afterEnding(held.delivery, what, why, by)))) return;
      metrics.dispositions.inc({ what });
      if (what === 'expired') metrics.deadLetters.inc({ reason: 'expired' });
    },
    hold: async (held) => {
      if (held.tenure.ended) return;
      if (await settle(held, afterHold(held.delivery, clock.now())))
        metrics.dispositions.inc({ what: 'held' });
    },
    putOff: async (held, route, reason) => {
      if (held.tenure.ended) return;
      const aftermath = afterDeferral(held.delivery, route, reason, clock.now());
      if (!(await settle(held, aftermath))) return;
      metrics.deferrals.inc({ reason });
      if (aftermath.entry !== null) metrics.dispositions.inc({ what: 'deferred' });
    },
    attempted: async (held, made) => {
      const { delivery, tenure } = held;
      const decision = tenure.ended ? moved(made.decision, clock.now()) : made.decision;
      const { result, turn, live } = made;
      const { subscription } = live;
      const attempt = attemptRow({ delivery, subscription, turn, result, decision, worker: deps.worker });
      const gone = decision.kind === 'give_up' && decision.gone;
      // Another URL's answers say nothing about the subscription's own endpoint.
      if (delivery.target_url === null)
        deps.health.observe(subscription, { result, breaker: turn.breakerNow(), gone });
      observe(metrics, delivery, result, attempt.outcome);
      const level = result.ok ? 'debug' : 'info';
      // Building the line costs more than the check, and most deliveries succeed.
      if (deps.logger.isLevelEnabled(level)) deps.logger[level](line(held, made, attempt.attempt_id));
      const aftermath = tenure.ended
        ? attemptAlone(attempt)
        : afterAttempt(delivery, attempt, decision, { now: clock.now(), tellOperator });
      const settled = await settle(held, aftermath);
      if (settled && decision.kind === 'give_up')
        metrics.deadLetters.inc({ reason: gone ? 'gone' : 'failure' });
    },
  };
}

/**
 * The partition went to another worker during the attempt. The target saw the request, so it is logged; what follows is
 * decided by the new owner, who has the same record: a retry from here would make two of one delivery.
 */
function moved(decision: Decision, now: number): Decision {
  if (decision.kind === 'delivered') return decision;
  const reason = 'the partition moved to another worker, which tries again';
  return { kind: 'retry', due_at: now, delay: '', reason };
}

function observe(metrics: Metrics, delivery: Delivery, result: PostResult, outcome: string): void {
  const startedAt = result.started_at;
  metrics.attempts.inc({ outcome, error_kind: result.error_kind ?? '' });
  metrics.attemptDuration.observe({ outcome }, result.duration_ms / 1000);
  const since = delivery.resumed_at ?? delivery.accepted_at;
  if (delivery.attempt === 1) metrics.firstAttemptWait.observe((startedAt - since) / 1000);
  else if (delivery.due_at !== null && delivery.deferrals === 0) {
    metrics.dueTimeError.observe((startedAt - delivery.due_at) / 1000);
  }
}

function line({ record, delivery }: Held, { live, turn, result, decision }: AttemptMade, attemptId: string) {
  return {
    event: 'delivery.attempted',
    attempt_id: attemptId,
    delivery_id: delivery.delivery_id,
    event_id: delivery.event_id,
    tenant_id: delivery.tenant_id,
    subscription_id: delivery.subscription_id,
    subscription_version: live.subscription.version,
    event_type: delivery.event_type,
    attempt_number: delivery.attempt,
    deferrals: delivery.deferrals,
    replay_of: delivery.replay_of,
    topic: record.topic,
    partition: record.partition,
    offset: String(record.offset),
    http_status: result.http_status,
    error_kind: result.error_kind,
    error_detail: result.error_detail,
    duration_ms: result.duration_ms,
    breaker_state: turn.breaker_state,
    lane_state: turn.lane_state,
    decision: decision.kind,
    next_attempt_at: decision.kind === 'retry' ? decision.due_at : null,
    next_reason: decision.reason,
  };
}
