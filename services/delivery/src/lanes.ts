import type { Subscription } from '@milena/domain';
import type { Clock } from '@milena/runtime';
import type { Breakers, BreakerState } from './breakers.ts';
import { admit, createLane, hasRoom, msToToken, setLimits, type Entry, type Lane } from './lane.ts';
import {
  BREAKER_OPEN,
  change,
  createSchedule,
  DROPPED,
  grant,
  hasRoomFor,
  offer,
  pump,
  shareOf,
  trim,
  WORKER_STOPS,
  type Schedule,
} from './schedule.ts';
import type { Tenure } from './tenure.ts';

/** Lanes that have not timed out yet but have shown nothing for this long count as hanging. */
const HANGING_MS = 2000;
/** A lane without work is forgotten after this time, unless its breaker remembers something. */
const IDLE_MS = 600_000;
/** About 7 KB each, most of it the breaker. Lanes with work are never dropped, so this bounds the idle ones. */
const MAX_LANES = 10_000;

type HaltReason = 'log_away' | 'share_out';

export interface LaneStats {
  inFlight: number;
  queued: number;
  lanes: { healthy: number; unhealthy: number };
  breakers: Record<BreakerState, number>;
}

/** Decides which record may be attempted when: limits per subscription, fair turns between them. */
export interface Lanes {
  /** A turn when it is this record's, at once when there is room; or why there will be none. */
  enter(subscription: Subscription, deferrals: number, tenure: Tenure): Entry | Promise<Entry>;
  /** While there is any reason to halt nothing new starts; what is under way goes on. */
  halt(reason: HaltReason, halted: boolean): void;
  /** Hands back what waits for partitions that are no longer ours. */
  dropEnded(): void;
  /** Puts off everything that waits, and whatever comes from now on; what is under way goes on. */
  close(): void;
  /** Ends the breakers, once nothing is under way. */
  dispose(): void;
  /** Finds hanging lanes and forgets idle ones; to be called every second or two. */
  sweep(): LaneStats;
}

export function createLanes(deps: { clock: Clock; breakers: Breakers; concurrency: number }): Lanes {
  const { clock, breakers } = deps;
  const schedule = createSchedule(clock, deps.concurrency);
  const lanes = new Map<string, Lane>();
  const halts = new Set<HaltReason>();
  let closed = false;

  function laneOf(subscription: Subscription, now: number): Lane {
    let lane = lanes.get(subscription.id);
    if (!lane) {
      lane = createLane(breakers.create(), now);
      lanes.set(subscription.id, lane);
    }
    lane.usedAt = now;
    setLimits(lane, subscription, now);
    return lane;
  }

  return {
    enter: (subscription, deferrals, tenure) => {
      if (tenure.ended) return DROPPED;
      if (closed) return WORKER_STOPS;
      return enterLane(schedule, laneOf(subscription, clock.now()), deferrals, tenure);
    },
    halt: (reason, halted) => {
      if (halted) halts.add(reason);
      else halts.delete(reason);
      schedule.halted = halts.size > 0;
      pump(schedule);
    },
    dropEnded: () => {
      for (const lane of lanes.values()) purge(schedule, lane, (tenure) => (tenure.ended ? DROPPED : null));
    },
    close: () => {
      closed = true;
      for (const lane of lanes.values())
        purge(schedule, lane, (tenure) => (tenure.ended ? DROPPED : WORKER_STOPS));
      schedule.wake?.cancel();
      schedule.lump?.();
      schedule.unhealthyLump?.();
    },
    dispose: () => {
      for (const lane of lanes.values()) lane.breaker.shutdown();
      lanes.clear();
    },
    sweep: () => {
      const now = clock.now();
      for (const lane of lanes.values()) markHanging(schedule, lane, now);
      forgetIdle(lanes, now);
      return statsOf(lanes, schedule.inFlight);
    },
  };
}

function enterLane(
  schedule: Schedule,
  lane: Lane,
  deferrals: number,
  tenure: Tenure,
): Entry | Promise<Entry> {
  if (!lane.breaker.admits()) return BREAKER_OPEN;
  const now = schedule.clock.now();
  const free = lane.queue.length === 0 && hasRoom(lane) && msToToken(lane, now) === 0;
  if (free && hasRoomFor(schedule, lane)) return grant(schedule, lane, false);
  const refused = admit(lane, shareOf(schedule, lane), deferrals, now);
  if (refused) return refused;
  return new Promise((resolve) => {
    lane.queue.push({ tenure, resolve });
    // A lane that already waits for its turn or for room keeps its place.
    if (lane.queue.length === 1) offer(schedule, lane);
  });
}

/** `verdict`: what becomes of a record that waits; null: it goes on waiting. */
function purge(schedule: Schedule, lane: Lane, verdict: (tenure: Tenure) => Entry | null): void {
  const waiting = lane.queue.splice(0);
  for (const entry of waiting) {
    const ended = verdict(entry.tenure);
    if (ended) entry.resolve(ended);
    else lane.queue.push(entry);
  }
  offer(schedule, lane);
}

function markHanging(schedule: Schedule, lane: Lane, now: number): void {
  const silentMs = now - lane.progressAt;
  if (lane.inFlight === 0 || silentMs <= HANGING_MS) return;
  // Its first attempt lasts at least as long.
  if (!lane.proven) lane.meanMs = Math.max(lane.meanMs, silentMs);
  if (lane.unhealthy) return;
  change(schedule, lane, () => {
    lane.unhealthy = true;
    lane.meanMs = Math.max(lane.meanMs, silentMs);
  });
  trim(schedule, lane);
  offer(schedule, lane);
}

function forgetIdle(lanes: Map<string, Lane>, now: number): void {
  const idle = [...lanes].filter(([, lane]) => lane.inFlight === 0 && lane.queue.length === 0);
  if (lanes.size > MAX_LANES) idle.sort(([, a], [, b]) => a.usedAt - b.usedAt);
  for (const [id, lane] of idle) {
    const rested = now - lane.usedAt > IDLE_MS && lane.breaker.state() === 'closed';
    if (!rested && lanes.size <= MAX_LANES) continue;
    lane.breaker.shutdown();
    lanes.delete(id);
  }
}

function statsOf(lanes: ReadonlyMap<string, Lane>, inFlight: number): LaneStats {
  const stats: LaneStats = {
    inFlight,
    queued: 0,
    lanes: { healthy: 0, unhealthy: 0 },
    breakers: { closed: 0, open: 0, half_open: 0 },
  };
  for (const lane of lanes.values()) {
    stats.queued += lane.queue.length;
    stats.lanes[lane.unhealthy ? 'unhealthy' : 'healthy'] += 1;
    stats.breakers[lane.breaker.state()] += 1;
  }
  return stats;
}
