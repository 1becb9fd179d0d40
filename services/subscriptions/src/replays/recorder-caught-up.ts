import { DELIVERIES, GROUPS, type GroupLag, type MessageLog } from '@milena/log';
import type { Clock } from '@milena/runtime';
import { pause } from './pause.ts';

const LOOK_MS = 250;

/**
 * Resolves when the recorder has stored every delivery that is in the log now, so that the event store knows of each;
 * false when the signal came first. Goes by partition: the recorder may be ahead in one and behind in another, and with
 * live traffic it is never at the end of all.
 */
export async function recorderCaughtUp(
  deps: { log: Pick<MessageLog, 'lag'>; clock: Clock },
  signal: AbortSignal,
): Promise<boolean> {
  const { log, clock } = deps;
  const look = async () => (await log.lag(GROUPS.recorderEvents, [DELIVERIES])).flatMap(partitionsOf);
  const then = await look();
  for (let now = then; !signal.aborted; now = await look()) {
    if (then.every(({ end }, partition) => (now[partition]?.mark ?? 0) >= end)) return true;
    await pause(clock, LOOK_MS, signal);
  }
  return false;
}

const partitionsOf = ({ partitions }: GroupLag): GroupLag['partitions'] => partitions;
