import type { CancelTimer, Clock } from '@milena/runtime';
import type { PostResult } from '@milena/domain';
import {
  admit,
  hasRoom,
  isSuspect,
  learn,
  msToToken,
  takeSlot,
  type Entry,
  type Lane,
  type Turn,
} from './lane.ts';

/** Rate-limited lanes are woken together at this grain rather than each by its own timer. */
const WAKE_GRAIN_MS = 5;
/** What many lanes have to do all at once goes in lumps with this time between two, each a part of what there is to do. */
const LUMP_PAUSE_MS = 10;
const LUMP_SHARE = 1 / 64;
/** Records to be put off take an append and some 0.2 ms each: thousands in one go would hold up everybody's. */
const SMALLEST_LUMP = 4;
const LARGEST_LUMP = 16;
/** Share of the worker for lanes that time out or that nobody knows yet, all together. */
const SUSPECT_SHARE = 0.25;

/** Whose turn it is: the worker's slots, and the lanes that want one. */
export interface Schedule {
  readonly clock: Clock;
  /** Attempts at once in the whole worker, and of these at most so many by suspect lanes. */
  readonly limit: number;
  readonly suspectLimit: number;
  /**
   * Lanes that have something waiting and room for it, in the order of their turns: each gets one attempt and goes to
   * the end. (Weights would give a lane several.)
   */
  readonly healthy: Set<Lane>;
  readonly unproven: Set<Lane>;
  readonly unhealthy: Set<Lane>;
  /** Lanes that wait for their rate limit. */
  readonly throttled: Set<Lane>;
  inFlight: number;
  suspectInFlight: number;
  halted: boolean;
  suspectsNext: boolean;
  unprovenNext: boolean;
  wake: { at: number; cancel: CancelTimer } | null;
  /** Lanes that may have more waiting than they would take now. */
  readonly overfull: Set<Lane>;
  /** Set while the next lump has to wait. */
  lump: CancelTimer | null;
  /** Set from the first attempt of a lump by unhealthy lanes until the next lump may begin. */
  unhealthyLump: CancelTimer | null;
  /** Attempts that this lump still has room for. */
  unhealthyLeft: number;
}

export const DROPPED: Entry = { kind: 'dropped' };
/** Put off, not handed back: a record left behind would bring back, as repeats, those after it that are done. */
export const WORKER_STOPS: Entry = { kind: 'defer', reason: 'worker_stops', wait_ms: 0 };
export const BREAKER_OPEN: Entry = { kind: 'defer', reason: 'breaker_open', wait_ms: null };

export function createSchedule(clock: Clock, concurrency: number): Schedule {
  return {
    clock,
    limit: concurrency,
    suspectLimit: Math.max(1, Math.floor(concurrency * SUSPECT_SHARE)),
    healthy: new Set(),
    unproven: new Set(),
    unhealthy: new Set(),
    throttled: new Set(),
    inFlight: 0,
    suspectInFlight: 0,
    halted: false,
    suspectsNext: false,
    unprovenNext: false,
    wake: null,
    overfull: new Set(),
    lump: null,
    unhealthyLump: null,
    unhealthyLeft: 0,
  };
}

function workerHasRoom(schedule: Schedule): boolean {
  return !schedule.halted && schedule.inFlight < schedule.limit;
}

/** True when the worker leaves room for one more attempt of this lane now. */
export function hasRoomFor(schedule: Schedule, lane: Lane): boolean {
  if (!workerHasRoom(schedule)) return false;
  if (!isSuspect(lane)) return true;
  if (lane.unhealthy && !lumpHasRoom(schedule)) return false;
  return schedule.suspectInFlight < schedule.suspectLimit;
}

function lumpHasRoom(schedule: Schedule): boolean {
  return schedule.unhealthyLump === null || schedule.unhealthyLeft > 0;
}

/** Changes a lane and keeps count of what suspects have under way. */
export function change(schedule: Schedule, lane: Lane, how: () => void): void {
  const before = isSuspect(lane) ? lane.inFlight : 0;
  how();
  schedule.suspectInFlight += (isSuspect(lane) ? lane.inFlight : 0) - before;
}

/** Takes a slot for one attempt. */
export function grant(schedule: Schedule, lane: Lane, waited: boolean): Turn {
  const { breaker } = lane;
  const probe = breaker.claim();
  change(schedule, lane, () => {
    takeSlot(lane, schedule.clock.now());
  });
  schedule.inFlight += 1;
  if (lane.unhealthy) takeFromLump(schedule);
  return {
    kind: 'go',
    waited,
    breaker_state: breaker.state(),
    lane_state: lane.unhealthy ? 'unhealthy' : 'healthy',
    breakerNow: () => breaker.state(),
    run: async (post) => {
      let result: PostResult | null = null;
      try {
        result = await breaker.run(post);
        return result;
      } finally {
        release(schedule, lane, result);
      }
    },
    cancel: () => {
      if (probe) breaker.giveBack();
      if (lane.unhealthy) schedule.unhealthyLeft += 1;
      release(schedule, lane, null);
    },
  };
}

/**
 * What times out together would begin anew together, each attempt with a connection and 0.5 ms. The more lanes there are,
 * the larger the lump, for all of them may be well again.
 */
function takeFromLump(schedule: Schedule): void {
  if (schedule.unhealthyLump !== null) {
    schedule.unhealthyLeft -= 1;
    return;
  }
  schedule.unhealthyLeft = Math.floor(schedule.unhealthy.size * LUMP_SHARE);
  schedule.unhealthyLump = schedule.clock.after(LUMP_PAUSE_MS, () => {
    schedule.unhealthyLump = null;
    pump(schedule);
  });
}

function release(schedule: Schedule, lane: Lane, result: PostResult | null): void {
  const now = schedule.clock.now();
  change(schedule, lane, () => {
    lane.inFlight -= 1;
    if (result) learn(lane, result, now);
  });
  schedule.inFlight -= 1;
  lane.usedAt = now;
  trim(schedule, lane);
  offer(schedule, lane);
  pump(schedule);
}

/** Lines the lane up for its next turn when it has work, room and tokens; otherwise whatever frees those does. */
export function offer(schedule: Schedule, lane: Lane): void {
  for (const ring of [schedule.healthy, schedule.unproven, schedule.unhealthy]) ring.delete(lane);
  if (lane.queue.length === 0 || !hasRoom(lane) || !lane.breaker.admits()) return;
  const now = schedule.clock.now();
  const wait = msToToken(lane, now);
  if (wait > 0) {
    schedule.throttled.add(lane);
    wakeAt(schedule, now + wait);
    return;
  }
  if (lane.unhealthy) schedule.unhealthy.add(lane);
  else if (lane.proven) schedule.healthy.add(lane);
  else schedule.unproven.add(lane);
}

function wakeAt(schedule: Schedule, at: number): void {
  const rounded = Math.ceil(at / WAKE_GRAIN_MS) * WAKE_GRAIN_MS;
  if (schedule.wake && schedule.wake.at <= rounded) return;
  schedule.wake?.cancel();
  const cancel = schedule.clock.after(rounded - schedule.clock.now(), () => {
    schedule.wake = null;
    const due = [...schedule.throttled];
    schedule.throttled.clear();
    for (const lane of due) offer(schedule, lane);
    pump(schedule);
  });
  schedule.wake = { at: rounded, cancel };
}

/** Starts what may start, one attempt per lane and turn, known and suspect lanes by turns. */
export function pump(schedule: Schedule): void {
  for (let lane = nextLane(schedule); lane !== null; lane = nextLane(schedule)) {
    if (lane.breaker.admits()) {
      const next = lane.queue.shift();
      next?.resolve(next.tenure.ended ? DROPPED : grant(schedule, lane, true));
    }
    // It may have opened just now, or that was the one attempt which it lets through while half-open.
    if (!lane.breaker.admits()) trim(schedule, lane);
    offer(schedule, lane);
  }
}

function nextLane(schedule: Schedule): Lane | null {
  if (!workerHasRoom(schedule)) return null;
  schedule.suspectsNext = !schedule.suspectsNext;
  const known = firstOf(schedule.healthy);
  if (known !== null && !schedule.suspectsNext) return known;
  return nextSuspect(schedule) ?? known;
}

/**
 * Those nobody knows yet and those that time out, by turns: a thousand of these would keep a newcomer waiting for a minute,
 * and one that hangs itself is among them after its first attempt.
 */
function nextSuspect(schedule: Schedule): Lane | null {
  if (schedule.suspectInFlight >= schedule.suspectLimit) return null;
  const unproven = firstOf(schedule.unproven);
  const unhealthy = lumpHasRoom(schedule) ? firstOf(schedule.unhealthy) : null;
  if (unproven === null || unhealthy === null) return unproven ?? unhealthy;
  schedule.unprovenNext = !schedule.unprovenNext;
  return schedule.unprovenNext ? unproven : unhealthy;
}

function firstOf(ring: ReadonlySet<Lane>): Lane | null {
  for (const lane of ring) return lane;
  return null;
}

/** Puts off what the lane took in but, as it stands now, would not even take if it had been put off before. */
export function trim(schedule: Schedule, lane: Lane): void {
  if (lane.queue.length === 0) return;
  schedule.overfull.add(lane);
  if (schedule.lump === null) putOffLump(schedule);
}

function putOffLump(schedule: Schedule): void {
  const { clock, overfull } = schedule;
  schedule.lump = null;
  const lump = lumpOf(overfull);
  let left = lump;
  for (const lane of overfull) {
    while (left > 0 && putOffLast(schedule, lane)) left -= 1;
    if (left === 0) break;
    overfull.delete(lane);
    // What it keeps may have waited for the breaker alone.
    offer(schedule, lane);
  }
  if (left === lump) return;
  schedule.lump = clock.after(LUMP_PAUSE_MS, () => {
    putOffLump(schedule);
    pump(schedule);
  });
}

function lumpOf(overfull: ReadonlySet<Lane>): number {
  let waiting = 0;
  for (const lane of overfull) waiting += lane.queue.length;
  return Math.min(LARGEST_LUMP, Math.max(SMALLEST_LUMP, Math.ceil(waiting * LUMP_SHARE)));
}

/** False when the lane may keep what it has. */
function putOffLast(schedule: Schedule, lane: Lane): boolean {
  const last = lane.queue.pop();
  if (!last) return false;
  const open = !lane.breaker.admits();
  const verdict = open ? BREAKER_OPEN : admit(lane, shareOf(schedule, lane), 1, schedule.clock.now());
  if (verdict === null) lane.queue.push(last);
  else last.resolve(last.tenure.ended ? DROPPED : verdict);
  return verdict !== null;
}

/** Attempts at once that the worker leaves to this lane. */
export function shareOf(schedule: Schedule, lane: Lane): number {
  if (!isSuspect(lane) || !lane.proven) return schedule.limit;
  return schedule.suspectLimit - schedule.suspectInFlight + lane.inFlight;
}
