import {
  decideDeferral,
  decideNext,
  decodeDelivery,
  UndecodableRecordError,
  type Delivery,
  type LiveSubscription,
  type RetryDelay,
  type Subscription,
} from '@milena/domain';
import type { HttpPost } from '@milena/egress';
import type { ConsumedRecord } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { Apply, Held } from './apply-decision.ts';
import type { attemptDelivery } from './attempt-delivery.ts';
import { judgeDelivery } from './judge-delivery.ts';
import type { DeferReason } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { SubscriptionLookup } from './subscription-lookup.ts';
import type { Tenure } from './tenure.ts';

export interface HubDeps {
  subscriptions: SubscriptionLookup;
  lanes: Pick<Lanes, 'enter'>;
  apply: Pick<Apply, 'ended' | 'hold' | 'putOff' | 'attempted'>;
  post: HttpPost['post'];
  /** With or without a span around it. */
  attempt: typeof attemptDelivery;
  clock: Clock;
  random: () => number;
  logger: Logger;
  metrics: Metrics;
  config: { retryDelays: readonly RetryDelay[]; timeoutMs: number; maxAgeMs: number };
}

/**
 * The one way of every delivery, first try or retry. Resolves when the record is acked, or when it stopped being ours
 * and stays unacked for its next owner. What the endpoint does is a value; an exception means that our side is broken:
 * nothing was acked then.
 */
export async function handleDelivery(record: ConsumedRecord, tenure: Tenure, deps: HubDeps): Promise<void> {
  const { clock, config, apply } = deps;
  const delivery = decode(record, deps);
  if (delivery === null) {
    record.ack();
    return;
  }
  const held: Held = { record, delivery, tenure };

  const found = await deps.subscriptions.find(delivery.subscription_id, tenure);
  if (found === 'handed_back') return tenure.ended ? undefined : putOff(held, 'worker_stops', 0, deps);
  const verdict = judgeDelivery(delivery, found, clock.now(), config.maxAgeMs);
  if (verdict.kind === 'end') return apply.ended(held, verdict.what, verdict.why);
  if (verdict.kind === 'hold') return apply.hold(held);
  if (verdict.live.secrets === null) return putOff(held, 'secret_unreadable', Infinity, deps);

  const entry = await deps.lanes.enter(endpointOf(delivery, verdict.live), delivery.deferrals, tenure);
  if (entry.kind === 'dropped') return;
  if (entry.kind === 'defer') return putOff(held, entry.reason, entry.wait_ms, deps);

  // An attempt goes by the subscription as it is now, not as it was when the record began to wait.
  const current = entry.waited ? await deps.subscriptions.refresh(verdict.live) : verdict.live;
  const latest = judgeDelivery(delivery, current, clock.now(), config.maxAgeMs);
  if (latest.kind !== 'deliver') {
    entry.cancel();
    return latest.kind === 'hold' ? apply.hold(held) : apply.ended(held, latest.what, latest.why);
  }
  const { live } = latest;
  if (live.secrets === null) {
    entry.cancel();
    return putOff(held, 'secret_unreadable', Infinity, deps);
  }
  const startedAt = clock.now();
  const result = await entry.run(() => deps.attempt(deps.post, delivery, live, startedAt, config.timeoutMs));
  if (result === null) return putOff(held, 'breaker_open', null, deps);

  const decision = decideNext({
    result,
    attempt: delivery.attempt,
    configured: config.retryDelays,
    own: live.subscription.retry_delays,
    now: clock.now(),
    random: deps.random(),
  });
  return apply.attempted(held, { live, turn: entry, result, decision });
}

/** What a lane and its breaker are for: the subscription's endpoint, or the other URL that this delivery goes to. */
function endpointOf({ target_url }: Delivery, { subscription }: LiveSubscription): Subscription {
  return target_url === null ? subscription : { ...subscription, id: `${subscription.id} ${target_url}` };
}

/** Puts a delivery off without using up an attempt. */
function putOff(held: Held, reason: DeferReason, wanted: number | null, deps: HubDeps): Promise<void> {
  const { deferrals } = held.delivery;
  const { retryDelays: configured } = deps.config;
  const now = deps.clock.now();
  const route = decideDeferral({ deferrals, configured, wanted, now, random: deps.random() });
  return deps.apply.putOff(held, route, reason);
}

/** null: nobody can ever do anything with this record. Holding it would only stop its partition from being committed. */
function decode(record: ConsumedRecord, { logger, metrics }: HubDeps): Delivery | null {
  try {
    const delivery = decodeDelivery(record);
    // It stays marked while it is put off, until the attempt is made.
    return record.maybeRedelivered ? { ...delivery, may_repeat: true } : delivery;
  } catch (error) {
    if (!(error instanceof UndecodableRecordError)) throw error;
    const { topic, partition, key } = record;
    const offset = String(record.offset);
    logger.error({ event: 'delivery.undecodable', topic, partition, offset, key, err: error });
    metrics.deadLetters.inc({ reason: 'undecodable' });
    return null;
  }
}
