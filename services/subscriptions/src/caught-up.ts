import { HttpProblem } from '@milena/http';
import { DEAD_LETTER, DELIVERIES, DELIVERY_LOG, GROUPS, type MessageLog } from '@milena/log';
import type { Clock } from '@milena/runtime';
import { pause } from './pause.ts';

const LOOK_MS = 250;

/** A group and the topics that it reads. */
export interface Watched {
  group: string;
  topics: readonly string[];
}

/** Stores the events, by which a delivery is known. */
export const EVENTS_RECORDER: Watched = { group: GROUPS.recorderEvents, topics: [DELIVERIES] };

/** Stores what happened to deliveries, and those events that nobody wanted. */
export const LOG_RECORDER: Watched = { group: GROUPS.recorderLog, topics: [DELIVERY_LOG] };

export const DEAD_LETTERS_RECORDER: Watched = { group: GROUPS.recorderDeadLetters, topics: [DEAD_LETTER] };

/** It stores within a second or two what is in the log; one that takes longer than this is behind. */
export const RECORDER_PATIENCE_MS = 10_000;

/** 503. `so`: why nothing can be told, a clause. */
export function recorderBehind(so: string): HttpProblem {
  const why = `The recorder is more than ${RECORDER_PATIENCE_MS / 1000} seconds behind the log; ${so}.`;
  return new HttpProblem(503, 'recorder-behind', why, { headers: { 'retry-after': '10' } });
}

/**
 * What it returns resolves to true once these groups have committed everything that was in their topics when it was first
 * called. Goes by partition: a group may be ahead in one and behind in another, and with live traffic it is never at the
 * end of all.
 */
export function endsReached(
  log: Pick<MessageLog, 'lag'>,
  watched: readonly Watched[],
): () => Promise<boolean> {
  let ends: readonly number[] | null = null;
  return async () => {
    const lags = await Promise.all(watched.map(({ group, topics }) => log.lag(group, topics)));
    const partitions = lags.flat().flatMap((lag) => lag.partitions);
    ends ??= partitions.map(({ end }) => end);
    return ends.every((end, partition) => (partitions[partition]?.mark ?? 0) >= end);
  };
}

/**
 * Resolves when these groups have committed everything that is in their topics now; false when the signal came first, or
 * the patience was over.
 */
export async function caughtUp(
  { log, clock }: { log: Pick<MessageLog, 'lag'>; clock: Clock },
  watched: readonly Watched[],
  signal: AbortSignal,
  patienceMs = Infinity,
): Promise<boolean> {
  const reached = endsReached(log, watched);
  const deadline = clock.now() + patienceMs;
  while (!signal.aborted) {
    if (await reached()) return true;
    if (clock.now() >= deadline) return false;
    await pause(clock, LOOK_MS, signal);
  }
  return false;
}
