import type { GroupLag, MessageLog } from '@milena/log';
import type { Clock } from '@milena/runtime';
import { pause } from './pause.ts';

const LOOK_MS = 250;

/** A group and the topics that it reads. */
export interface Watched {
  group: string;
  topics: readonly string[];
}

/**
 * Resolves when these groups have committed everything that is in their topics now; false when the signal came first, or
 * the patience was over. Goes by partition: a group may be ahead in one and behind in another, and with live traffic it
 * is never at the end of all.
 */
export async function caughtUp(
  deps: { log: Pick<MessageLog, 'lag'>; clock: Clock },
  watched: readonly Watched[],
  signal: AbortSignal,
  patienceMs = Infinity,
): Promise<boolean> {
  const { log, clock } = deps;
  const look = async () => {
    const lags = await Promise.all(watched.map(({ group, topics }) => log.lag(group, topics)));
    return lags.flat().flatMap(partitionsOf);
  };
  const deadline = clock.now() + patienceMs;
  const then = await look();
  for (let now = then; !signal.aborted; now = await look()) {
    if (then.every(({ end }, partition) => (now[partition]?.mark ?? 0) >= end)) return true;
    if (clock.now() >= deadline) return false;
    await pause(clock, LOOK_MS, signal);
  }
  return false;
}

const partitionsOf = ({ partitions }: GroupLag): GroupLag['partitions'] => partitions;
