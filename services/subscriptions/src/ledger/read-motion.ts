import { parseDuration } from '@milena/domain';
import { DELIVERIES, GROUPS, HELD, delayOf, type GroupLag } from '@milena/log';
import type { Motion } from '@milena/stores';
import {
  caughtUp,
  DEAD_LETTERS_RECORDER,
  EVENTS_RECORDER,
  LOG_RECORDER,
  RECORDER_PATIENCE_MS,
  recorderBehind,
  type Watched,
} from '../caught-up.ts';
import type { CallDeps } from '../deps.ts';
import { pause } from '../pause.ts';

const RECORDER: readonly Watched[] = [
  EVENTS_RECORDER,
  LOG_RECORDER,
  DEAD_LETTERS_RECORDER,
  { group: GROUPS.recorderHeld, topics: [HELD] },
];

/** Workers attempt or put off what is new within some milliseconds, unless an endpoint takes its time to answer. */
const FLOW_PATIENCE_MS = 3000;
const LOOK_MS = 250;

/** What a worker may take with a delivery that is due: six times what the slowest attempt lasts, and room. */
const GRACE_MS = 10 * 60_000;
/** Jitter only adds, a tenth at most. */
const JITTER = 1.1;

type LogDeps = Pick<CallDeps, 'log' | 'clock' | 'config'>;

/**
 * What the log tells of deliveries on their way, and that the stores know everything that was in the log by then. The
 * order matters: first what the workers have done, then whether the recorder has stored what came of it.
 *
 * @throws HttpProblem 503 when the recorder is behind: what it has not stored would seem to be missing
 * @throws LogUnavailableError
 */
export async function readMotion(deps: LogDeps, signal: AbortSignal): Promise<Motion> {
  const { deliveryMaxAgeMs: max_age_ms } = deps.config;
  const retryTopics = await deps.log.retryTopics();
  const partitions = await readPartitions(deps, retryTopics, signal);
  if (!(await caughtUp(deps, RECORDER, signal, RECORDER_PATIENCE_MS))) {
    throw recorderBehind('what it has yet to store would seem to be missing');
  }
  const waits = retryTopics.map((topic) => (parseDuration(delayOf(topic) ?? '') ?? 0) * JITTER);
  const patience_ms = GRACE_MS + Math.max(0, ...waits);
  const longest_ms = max_age_ms + waits.reduce((sum, wait) => sum + wait, 0) + patience_ms;
  return { ...partitions, patience_ms, max_age_ms, longest_ms };
}

/**
 * A partition is idle when nothing is in any of its delivery topics, and flows when everything that was in `deliveries`
 * at the first look is done at the last. Two looks, because a delivery may move from one topic to another during one.
 */
async function readPartitions(
  { log, clock }: LogDeps,
  retryTopics: readonly string[],
  signal: AbortSignal,
): Promise<Pick<Motion, 'partitions' | 'idle' | 'flowing'>> {
  const topics = [DELIVERIES, ...retryTopics];
  const look = () => log.lag(GROUPS.delivery, topics);
  const first = await look();
  const partitions = first[0]?.partitions.length ?? 0;
  const numbers = Array.from({ length: partitions }, (_, partition) => partition);
  const isIdle = (lags: readonly GroupLag[], partition: number): boolean =>
    lags.every((lag) => {
      const { mark, end } = lag.partitions[partition] ?? { mark: 0, end: 1 };
      return mark >= end;
    });
  const flows = (last: readonly GroupLag[], partition: number): boolean =>
    (last[0]?.partitions[partition]?.mark ?? 0) >= (first[0]?.partitions[partition]?.end ?? Infinity);

  const deadline = clock.now() + FLOW_PATIENCE_MS;
  let last = await look();
  while (!signal.aborted && clock.now() < deadline && !numbers.every((one) => flows(last, one))) {
    await pause(clock, LOOK_MS, signal);
    last = await look();
  }
  return {
    partitions,
    idle: numbers.filter((one) => isIdle(first, one) && isIdle(last, one)),
    flowing: numbers.filter((one) => flows(last, one)),
  };
}
