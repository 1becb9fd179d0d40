import type { Delivery, LiveSubscription } from '@milena/domain';

/** Whether a delivery is still to be attempted; if not, what becomes of it and why (one sentence). */
type Verdict =
  | { kind: 'deliver'; live: LiveSubscription }
  | { kind: 'hold' }
  | { kind: 'end'; what: 'cancelled' | 'expired'; why: string };

/**
 * Pure. Age alone ends nothing: a delivery expires only when it had been put off, so that after an outage of our own
 * everything still gets its attempt. Nor does a pause: what is held does not expire, and its age counts anew from its
 * release.
 */
export function judgeDelivery(
  delivery: Delivery,
  live: LiveSubscription | null,
  now: number,
  maxAgeMs: number,
): Verdict {
  if (live === null) return { kind: 'end', what: 'cancelled', why: 'the subscription was deleted' };
  const { enabled, paused, disabled_reason: reason } = live.subscription;
  if (!enabled) {
    const because = reason === null ? '' : `: ${reason}`;
    return { kind: 'end', what: 'cancelled', why: `the subscription is disabled${because}` };
  }
  if (live.cancelled.has(delivery.delivery_id)) {
    return { kind: 'end', what: 'cancelled', why: 'the delivery was cancelled' };
  }
  if (paused) return { kind: 'hold' };
  const age = now - (delivery.resumed_at ?? delivery.accepted_at);
  // While its secret can't be read, that it waits is not its endpoint's doing.
  if (delivery.deferrals > 0 && age > maxAgeMs && live.secrets !== null) {
    return { kind: 'end', what: 'expired', why: `put off until it was older than ${durationText(maxAgeMs)}` };
  }
  return { kind: 'deliver', live };
}

/** In the largest unit of which it is one at least. */
function durationText(ms: number): string {
  const [unit, name] = ms >= 3_600_000 ? [3_600_000, 'h'] : ms >= 60_000 ? [60_000, 'min'] : [1000, 's'];
  return `${(ms / unit).toLocaleString('en', { maximumFractionDigits: 2 })} ${name}`;
}
