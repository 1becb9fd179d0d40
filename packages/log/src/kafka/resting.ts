import type { Place } from './names.ts';

/**
 * Each topic-partition in a fetch costs the client some 10 µs, empty or not, and most that a worker has are of retry
 * topics. What is written there is due later by a retry's delay: it is asked for this often, not in every fetch.
 */
const LOOK_MS = 250;

/** Which topic-partitions the next fetch asks for: those that are not paused, and of those with time only now and then. */
export interface Resting {
  /** The group was shared out anew. */
  assigned(places: readonly Place[]): void;
  /** The next fetch from a broker is about to be put together; no other one from it is under way. */
  fetching(nodeId: string): void;
  pause(place: Place): void;
  resume(place: Place): void;
}

interface RestingDeps {
  /** Records of this topic are written well before they are due. */
  hasTime: (topic: string) => boolean;
  /** The partitions by the broker that leads them, as far as is known. */
  leaders: (topic: string, partitions: readonly number[]) => Readonly<Record<string, readonly number[]>>;
  steer: Record<'pause' | 'resume', (topic: string, partitions: number[]) => void>;
}

/**
 * One broker's partitions rest and wake together, between its fetches: kafkajs drops what a fetch brought of a
 * partition that was paused meanwhile.
 */
export function createResting({ hasTime, leaders, steer }: RestingDeps): Resting {
  const topics = new Map<string, { all: number[]; paused: Set<number>; asleep: Set<number> }>();
  const lookedAt = new Map<string, number>();

  return {
    assigned: (places) => {
      for (const [topic, { paused, asleep }] of topics) {
        const awake = [...asleep].filter((partition) => !paused.has(partition));
        if (awake.length > 0) steer.resume(topic, awake);
      }
      topics.clear();
      for (const { topic, partition } of places) {
        if (!hasTime(topic)) continue;
        const known = topics.get(topic);
        if (known === undefined)
          topics.set(topic, { all: [partition], paused: new Set(), asleep: new Set() });
        else known.all.push(partition);
      }
    },
    fetching: (nodeId) => {
      const now = performance.now();
      const look = now - (lookedAt.get(nodeId) ?? -Infinity) >= LOOK_MS;
      if (look) lookedAt.set(nodeId, now);
      else if ([...topics.values()].every(({ all, asleep }) => asleep.size === all.length)) return;
      for (const [topic, { all, paused, asleep }] of topics) {
        const turning = (leaders(topic, all)[nodeId] ?? []).filter((one) => asleep.has(one) === look);
        for (const one of turning) {
          if (look) asleep.delete(one);
          else asleep.add(one);
        }
        const steered = turning.filter((one) => !paused.has(one));
        if (steered.length > 0) steer[look ? 'resume' : 'pause'](topic, steered);
      }
    },
    pause: ({ topic, partition }) => {
      topics.get(topic)?.paused.add(partition);
      steer.pause(topic, [partition]);
    },
    resume: ({ topic, partition }) => {
      const known = topics.get(topic);
      known?.paused.delete(partition);
      if (known?.asleep.has(partition) !== true) steer.resume(topic, [partition]);
    },
  };
}
