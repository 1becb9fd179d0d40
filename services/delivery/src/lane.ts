import type { Attempt, PostResult, Subscription } from '@milena/domain';
import type { Breaker, BreakerState } from './breakers.ts';
import type { Tenure } from './tenure.ts';

/** Attempts at once when the subscription sets no limit of its own. */
const DEFAULT_IN_FLIGHT = 32;
/** A lane that has not seen an answer yet tries this many; it may turn out to hang, and the first answer opens it up. */
const UNPROVEN_IN_FLIGHT = 2;
/**
 * What a lane that hangs before it ever answered is reckoned to have, for when its records come back. With all its slots they
 * would come back, and be put off again, every second; with those it has now, an endpoint that is slow to begin would get
 * what was sent meanwhile in a minute.
 */
const HANGING_IN_FLIGHT = 16;
/** What an attempt is taken to last before the first one ended. */
const ASSUMED_MEAN_MS = 100;
/** Weight of the newest attempt in the mean duration: about the last ten count. */
const MEAN_WEIGHT = 0.1;
/** A record is taken when it will get its turn within about this time; longer waits belong into a retry topic. */
const LONGEST_WAIT_MS = 1000;
/** Bounds the queue of a lane that is so quick that the wait alone would not. */
const MAX_QUEUED = 4096;
/** A deferred record comes back no sooner: sooner would cost more in appends than it gains. */
const SHORTEST_DEFERRAL_MS = 1000;
/** Deferred records are spread over up to this time ahead; what lies beyond shares its end. */
const HORIZON_MS = 60_000;
/** Tokens a rate-limited lane may save up, as a share of a second: a burst of a tenth on top of the rate. */
const BURST_S = 0.1;

export type DeferReason = 'breaker_open' | 'lane_full' | 'rate_limit' | 'worker_stops' | 'secret_unreadable';

/** The lane's go-ahead for one attempt: must end in `run`, or in `cancel` when there will be none. */
export interface Turn {
  kind: 'go';
  /** The record waited in the lane, so what was known about its subscription may be out of date. */
  waited: boolean;
  /** Both as they are at the start of the attempt. */
  breaker_state: BreakerState;
  lane_state: Attempt['lane_state'];
  /** null: the breaker opened before the attempt began, nothing was sent. */
  run(post: () => Promise<PostResult>): Promise<PostResult | null>;
  cancel(): void;
  breakerNow(): BreakerState;
}

/** `wait_ms`: how long until the lane expects to have room; null when it can't tell. `dropped`: handed back. */
export type Entry =
  Turn | { kind: 'defer'; reason: DeferReason; wait_ms: number | null } | { kind: 'dropped' };

export interface Waiting {
  tenure: Tenure;
  resolve(entry: Entry): void;
}

/** What one subscription has under way and waiting in this worker. */
export interface Lane {
  readonly breaker: Breaker;
  readonly queue: Waiting[];
  /** Attempts at once, as the subscription limits them. */
  cap: number;
  ratePerS: number | null;
  tokens: number;
  /** Times in ms since the epoch. */
  refilledAt: number;
  usedAt: number;
  /** When an attempt last ended, or the first of those under way began. */
  progressAt: number;
  /** Until when deferred records have been given a time of their own. */
  reservedUntil: number;
  inFlight: number;
  meanMs: number;
  /** At least one attempt came to an end. */
  proven: boolean;
  /** And not only by timeouts. */
  answered: boolean;
  /** The last attempt timed out, or those under way don't come to an end. */
  unhealthy: boolean;
}

export function createLane(breaker: Breaker, now: number): Lane {
  return {
    breaker,
    queue: [],
    cap: DEFAULT_IN_FLIGHT,
    ratePerS: null,
    tokens: 0,
    refilledAt: now,
    usedAt: now,
    progressAt: now,
    reservedUntil: 0,
    inFlight: 0,
    meanMs: ASSUMED_MEAN_MS,
    proven: false,
    answered: false,
    unhealthy: false,
  };
}

/** Unhealthy lanes and those nobody knows yet share a part of the worker. */
export function isSuspect(lane: Lane): boolean {
  return lane.unhealthy || !lane.proven;
}

/** Takes over the limits that the subscription has now. */
export function setLimits(lane: Lane, subscription: Subscription, now: number): void {
  lane.cap = subscription.max_in_flight ?? DEFAULT_IN_FLIGHT;
  if (lane.ratePerS === subscription.rate_limit_per_s) return;
  lane.ratePerS = subscription.rate_limit_per_s;
  lane.tokens = lane.ratePerS === null ? 0 : capacity(lane.ratePerS);
  lane.refilledAt = now;
}

function capacity(ratePerS: number): number {
  return Math.max(1, ratePerS * BURST_S);
}

function refill(lane: Lane, ratePerS: number, now: number): void {
  const gained = ((now - lane.refilledAt) / 1000) * ratePerS;
  lane.tokens = Math.min(capacity(ratePerS), lane.tokens + Math.max(0, gained));
  lane.refilledAt = now;
}

/** ms until the rate limit allows the next attempt; 0 = now. */
export function msToToken(lane: Lane, now: number): number {
  if (lane.ratePerS === null) return 0;
  refill(lane, lane.ratePerS, now);
  // Sums of fractions end a hair below the whole token that they stand for.
  return lane.tokens > 0.999_999 ? 0 : Math.max(1, ((1 - lane.tokens) / lane.ratePerS) * 1000);
}

/** True when the lane's own limits, but for the rate, allow one more attempt. */
export function hasRoom(lane: Lane): boolean {
  return lane.inFlight < (lane.proven ? lane.cap : Math.min(lane.cap, UNPROVEN_IN_FLIGHT));
}

export function takeSlot(lane: Lane, now: number): void {
  if (lane.inFlight === 0) lane.progressAt = now;
  if (lane.ratePerS !== null) lane.tokens -= 1;
  lane.inFlight += 1;
}

/** An attempt ended: what it tells about the endpoint. */
export function learn(lane: Lane, result: PostResult, now: number): void {
  const timedOut = result.error_kind === 'timeout';
  // Without a rate the times given away so far went by a guess: what is put off from now on need not wait a minute behind them.
  if (!timedOut && !lane.answered && lane.ratePerS === null) lane.reservedUntil = 0;
  if (!timedOut) lane.answered = true;
  lane.meanMs = lane.proven
    ? lane.meanMs + (result.duration_ms - lane.meanMs) * MEAN_WEIGHT
    : result.duration_ms;
  lane.proven = true;
  lane.unhealthy = timedOut;
  lane.progressAt = now;
}

/**
 * Whether one more record may wait in the lane, and if not, why and for how long. `share`: attempts at once that the
 * worker leaves to this lane.
 */
export function admit(lane: Lane, share: number, deferrals: number, now: number): Entry | null {
  // What has been put off before goes first: it finds room where a fresh record no longer does.
  const longest = deferrals > 0 ? 2 * LONGEST_WAIT_MS : LONGEST_WAIT_MS;
  const waiting = lane.queue.length + 1;
  // One that hangs before it ever answered is not about to: its records come back for it instead of waiting here.
  const mayAnswer = lane.proven || !lane.unhealthy;
  // A lane that nobody knows yet will have all its slots as soon as it answers.
  const slots = Math.min(lane.cap, share, mayAnswer ? Infinity : HANGING_IN_FLIGHT);
  const perAttempt = lane.meanMs / Math.max(1, slots);
  const byWork = waiting * perAttempt;
  msToToken(lane, now);
  const byRate = lane.ratePerS === null ? 0 : ((waiting - lane.tokens) / lane.ratePerS) * 1000;
  // A slow endpoint with few slots would stand idle between two records if none could wait.
  const fits = waiting === 1 || (mayAnswer && byWork <= longest && waiting <= MAX_QUEUED);
  if (fits && byRate <= longest) return null;
  const reason = byRate > longest ? 'rate_limit' : 'lane_full';
  const each = Math.max(perAttempt, lane.ratePerS === null ? 0 : 1000 / lane.ratePerS);
  // Of what is before it, the lane keeps no more than this; the rest is put off as well, and reserves its own time.
  const kept = mayAnswer ? Math.max(1, Math.floor(longest / perAttempt)) : 1;
  const wait = Math.min(waiting, kept + 1) * perAttempt;
  return { kind: 'defer', reason, wait_ms: reserve(lane, Math.max(wait, byRate), each, now) };
}

/** Gives each deferred record the time at which the lane will get to it, instead of letting all come back at once. */
function reserve(lane: Lane, wait: number, each: number, now: number): number {
  const at = Math.max(now + Math.max(SHORTEST_DEFERRAL_MS, wait), lane.reservedUntil);
  lane.reservedUntil = Math.min(at + each, now + HORIZON_MS);
  return at - now;
}
