import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Logger } from '@milena/runtime';
import { LogUnavailableError, type ConsumeOptions, type LogConsumer } from '../message-log.ts';
import { allWithin, within } from '../done-runs.ts';
import { reasonOf, within as inTime, type AdminDesk, type Clients } from './clients.ts';
import { createCommitter, type Committer } from './committer.ts';
import { createHolding, type Holding } from './holding.ts';
import type { Names, Place } from './names.ts';
import { fetchRanges, type PartitionRange } from './offsets.ts';
import type { KafkaLogLimits } from './options.ts';
import { topicPartition, type Reader, type TopicPartition } from './reader.ts';
import { createRejoin, type Rejoin } from './rejoin.ts';
import { createSession, type Session } from './session.ts';

const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 2_000;
/** What a stop waits for the last commit: a rebalance that is under way takes a second or two. */
const LAST_COMMIT_MS = 5_000;
/** Between tries of it. */
const COMMIT_AGAIN_MS = 50;

interface ConsumerDeps {
  clients: Clients;
  desk: AdminDesk;
  names: Names;
  limits: KafkaLogLimits;
  clock: Clock;
  logger?: Logger | undefined;
  options: ConsumeOptions;
  /** Topics whose records are written well before they are due. */
  ahead: ReadonlySet<string>;
  onStopped(consumer: KafkaConsumer): void;
}

export interface KafkaConsumer extends LogConsumer {
  /** Resolves when it has its share of the group for the first time. */
  readonly ready: Promise<void>;
  /** Ends its session without a goodbye, as a breakdown would. */
  interrupt(): void;
}

/** The parts of a consumer, and where it is. */
interface Course {
  readonly deps: ConsumerDeps;
  readonly holding: Holding;
  readonly committer: Committer;
  readonly rejoin: Rejoin;
  session: Session | null;
  /** Our latest name in the group. */
  memberId: string | null;
  /** Grows with every share-out; what belongs to an earlier one is void. */
  epoch: number;
  assigned: readonly TopicPartition[];
  /** What we hold is known to be ours still. Until then nothing is committed. */
  confirmed: boolean;
  /** We were no member for a while: others may have had what we hold. */
  away: boolean;
  stopping: boolean;
  retryInMs: number;
  /** Decides `ready`. */
  settle: (error: Error | null) => void;
}

/**
 * Joins the group and hands out records until it is stopped, over as many sessions as it takes.
 *
 * A share-out of the group takes away what is no longer ours and leaves the rest as it is, records in flight included.
 * Before we commit again, the group's commits are read: where one tells of more than we have done, another member had
 * the partition in between, and ours starts anew from there.
 */
export function createConsumer(deps: ConsumerDeps): KafkaConsumer {
  let settle: Course['settle'] = () => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    settle = (error) => {
      if (error === null) resolve();
      else reject(error);
    };
  });
  const holding = createHolding({
    ...deps,
    onDone: (reader) => {
      committer.progressed(reader);
    },
    onPaused: (reader) => {
      showPaused(course, reader);
    },
  });
  const committer = createCommitter({
    ...deps,
    intervalMs: deps.limits.commitIntervalMs,
    group: deps.options.group,
    nameOf: (topic) => deps.names.inCluster(topic),
    commit: (offsets) => (course.confirmed ? (course.session?.commit(offsets) ?? null) : null),
  });
  const course: Course = {
    rejoin: createRejoin({ holding, committer }),
    ...{ deps, holding, committer, settle, session: null, memberId: null, epoch: 0, assigned: [] },
    ...{ confirmed: false, away: false, stopping: false, retryInMs: FIRST_RETRY_MS },
  };
  let stopping: Promise<void> | null = null;
  const consumer: KafkaConsumer = {
    ready,
    pause: () => {
      holding.pause();
    },
    stop: () => (stopping ??= stop(course, consumer)),
    interrupt: () => {
      course.session?.kill();
      ended(course, new Error('interrupted'));
    },
  };
  startSession(course);
  return consumer;
}

function startSession(course: Course): void {
  const { deps, holding } = course;
  const { names, logger, options } = deps;
  const mine = (): boolean => course.session === session;
  const session: Session = createSession({
    ...deps,
    group: names.inCluster(options.group),
    topics: options.topics.map((topic) => names.inCluster(topic)),
    owned: () => holding.numbers(),
    gatherMs: options.gatherMs ?? 0,
    hasTime: (topic) => deps.ahead.has(names.known(topic)),
    former: course.memberId,
    events: {
      joined: (places, memberId) => {
        if (!mine()) return;
        // Under another name: we were away, and what we hold may have been another's. Whoever was there all the time goes on.
        if (memberId !== course.memberId) {
          holding.suspend(true);
          course.away = true;
        }
        course.memberId = memberId;
        joined(course, session, places);
      },
      joining: async () => {
        // Unconfirmed, nothing can be committed anyway.
        if (mine() && course.confirmed) await course.rejoin.prepare();
      },
      fetched: ({ topic, partition }, messages) => {
        if (mine()) holding.feed(topicPartition(names.known(topic), partition).id, messages);
      },
      ended: (reason) => {
        if (mine()) ended(course, reason);
      },
    },
  });
  course.session = session;
  session.start().catch((error: unknown) => {
    session.kill();
    if (mine()) ended(course, error);
    else logger?.debug({ event: 'log.session_ended', group: options.group, err: error });
  });
}

/** What is held stays held, as long as nobody says that it is another's: the next session goes on with it. */
function ended(course: Course, reason: unknown): void {
  const { logger, options } = course.deps;
  course.session = null;
  course.epoch += 1;
  course.confirmed = false;
  course.rejoin.over();
  if (course.stopping) return;
  if (!course.away) course.holding.suspend(false);
  const { retryInMs } = course;
  // Once per outage: it may last for hours.
  const level = retryInMs === FIRST_RETRY_MS ? 'warn' : 'debug';
  logger?.[level]({ event: 'log.rejoining', group: options.group, reason: reasonOf(reason) });
  course.retryInMs = Math.min(retryInMs * 2, LONGEST_RETRY_MS);
  setTimeout(() => {
    if (!course.stopping) startSession(course);
  }, retryInMs).unref();
}

function joined(course: Course, session: Session, places: readonly Place[]): void {
  const { deps, holding } = course;
  course.epoch += 1;
  course.confirmed = false;
  course.rejoin.over();
  course.retryInMs = FIRST_RETRY_MS;
  course.assigned = places.map(({ topic, partition }) => topicPartition(deps.names.known(topic), partition));
  const assigned = new Set(course.assigned.map(({ id }) => id));
  const gone = [...holding.readers()].filter(({ partition }) => !assigned.has(partition.id));
  holding.lose(new Set(gone.map(({ partition }) => partition.partition)));
  for (const reader of holding.readers()) {
    // Fetching starts again at the commits. A new session lets it: what comes again is passed over, and something has
    // to be fetched before it can commit.
    if (session.hasFetched()) session.seek(placeOf(course, reader.partition), reader.position());
    showPaused(course, reader);
  }
  for (const partition of course.assigned) {
    if (holding.of(partition.id) === undefined) session.pause(placeOf(course, partition));
  }
  void confirm(course, session);
}

/** Reads where the group is, and begins with what is new. */
async function confirm(course: Course, session: Session): Promise<void> {
  const { deps, holding, epoch } = course;
  const asked = holding.positions();
  const ranges = await readRanges(course);
  if (ranges === null || course.epoch !== epoch) return;
  const read = holding.positions();
  const passed = [...holding.readers()].filter((reader) => {
    const { id } = reader.partition;
    return !hasDone(reader, asked.get(id) ?? 0, ranges.get(id));
  });
  holding.lose(new Set(passed.map(({ partition }) => partition.partition)));
  // Whoever had it meanwhile may have done some of it without a commit, and has lost it to us by now.
  if (course.away) {
    for (const reader of holding.readers()) {
      reader.redeliveredBelow = Math.max(reader.redeliveredBelow, ranges.get(reader.partition.id)?.end ?? 0);
    }
  }
  for (const partition of course.assigned) {
    const range = ranges.get(partition.id);
    if (range === undefined || holding.of(partition.id) !== undefined) continue;
    const place = placeOf(course, partition);
    // Some of what came since may have been handed out by the reader that was lost just now.
    holding.gain(partition, { ...range, end: Math.max(range.end, read.get(partition.id) ?? 0) });
    session.seek(place, range.start);
    session.resume(place);
  }
  course.confirmed = true;
  course.away = false;
  holding.suspend(false);
  deps.logger?.info({ event: 'log.joined', group: deps.options.group, partitions: holding.numbers() });
  course.settle(null);
}

/**
 * Whatever the group has committed was done here: nobody else had the partition, or committed nothing of it.
 *
 * @param asked the reader's position when the range was asked for: it reads on meanwhile, past the end that is told
 */
function hasDone({ tracker }: Reader, asked: number, range: PartitionRange | undefined): boolean {
  if (range === undefined) return true;
  // The cluster has lost some of what we have read: its offsets are given to other records.
  if (asked > range.end) return false;
  const mark = tracker.mark();
  return range.start <= mark && allWithin(within(range.done, mark, Infinity), tracker.beyond());
}

/** Null when the share-out that asked is void. */
async function readRanges(course: Course): Promise<Map<string, PartitionRange> | null> {
  const { names, desk, options, logger } = course.deps;
  const { epoch } = course;
  const topics = options.topics.map((topic) => names.inCluster(topic));
  for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
    try {
      const ranges = await fetchRanges(desk, names.inCluster(options.group), topics);
      return new Map(
        ranges.map((range) => [topicPartition(names.known(range.topic), range.partition).id, range]),
      );
    } catch (error) {
      // Nothing is committed until they are known: more than a moment of it is for people.
      const level = wait < LONGEST_RETRY_MS ? 'debug' : 'warn';
      logger?.[level]({ event: 'log.offsets_unknown', group: options.group, err: error });
      await sleep(wait);
      if (course.epoch !== epoch || course.stopping) return null;
    }
  }
}

async function stop(course: Course, consumer: KafkaConsumer): Promise<void> {
  const { holding, committer, deps } = course;
  holding.pause();
  // Nothing can be committed any more once leaving has begun, and what isn't is repeated by the next owner. While the
  // group is being shared out anew the broker refuses commits: when others leave or join at the same time as we do.
  const deadline = performance.now() + LAST_COMMIT_MS;
  while (committer.pending() && performance.now() < deadline) {
    await inTime(deadline - performance.now(), committer.flush()).catch(() => undefined);
    if (committer.pending()) await sleep(COMMIT_AGAIN_MS);
  }
  committer.stop();
  course.stopping = true;
  course.rejoin.over();
  holding.stop();
  const { session } = course;
  course.session = null;
  course.epoch += 1;
  await session?.leave();
  course.settle(new LogUnavailableError('the consumer was stopped'));
  deps.onStopped(consumer);
}

function showPaused({ session, deps }: Course, { partition, paused }: Reader): void {
  const place = { topic: deps.names.inCluster(partition.topic), partition: partition.partition };
  if (paused) session?.pause(place);
  else session?.resume(place);
}

function placeOf({ deps }: Course, { topic, partition }: TopicPartition): Place {
  return { topic: deps.names.inCluster(topic), partition };
}
