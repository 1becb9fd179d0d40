import type { Cluster, Consumer } from 'kafkajs';
import { createResting, type Resting } from './resting.ts';
import type { Place } from './names.ts';

/** Where a kafkajs consumer fetches, and from which offset on. */
export interface Steering extends Resting {
  /** Goes on from this offset. */
  seek(place: Place, offset: number): void;
}

/** @param hasTime records of this topic are written well before they are due */
export function createSteering(
  consumer: Consumer,
  cluster: () => Cluster | null,
  hasTime: (topic: string) => boolean,
): Steering {
  const resting = createResting({
    hasTime,
    leaders: (topic, partitions) => {
      try {
        return cluster()?.findLeaderForPartitions(topic, [...partitions]) ?? {};
      } catch {
        // A partition has no leader at present, or the topic is not known yet.
        return {};
      }
    },
    steer: {
      pause: (topic, partitions) => {
        attempt(() => {
          consumer.pause([{ topic, partitions }]);
        });
      },
      resume: (topic, partitions) => {
        attempt(() => {
          consumer.resume([{ topic, partitions }]);
        });
      },
    },
  });
  return {
    ...resting,
    seek: ({ topic, partition }, offset) => {
      attempt(() => {
        consumer.seek({ topic, partition, offset: String(offset) });
      });
    },
  };
}

/** Before it has joined and while it breaks down a consumer throws at these; what they say is said again at each join. */
function attempt(steer: () => void): void {
  try {
    steer();
  } catch {
    // As said.
  }
}
