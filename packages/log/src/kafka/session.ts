import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Consumer, EachBatchPayload, KafkaMessage, OffsetsByTopicPartition } from 'kafkajs';
import { createAssigner } from './assigner.ts';
import { within, type Clients, type KafkaClient } from './clients.ts';
import { keepMembership } from './membership.ts';
import type { Place } from './names.ts';
import type { KafkaLogLimits } from './options.ts';
import { createSteering, type Steering } from './steering.ts';

/** How long the others wait for a member that is slow to rejoin; one that died is found by its silence. */
const REBALANCE_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** A fetch loop that has shown no sign of life for this long will not: kafkajs waits for ever in some places. */
const SILENCE_MS = 60_000;
const SILENCE_CHECK_MS = 5_000;
const LEAVE_TIMEOUT_MS = 5_000;
/** Tries of the client after which the session ends; a new one is started then. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8 };
/** One fetch from one broker; what one partition may add to it is in the limits. */
const FETCH_BYTES = 4 * 1024 * 1024;

/** So that what a fetch brought is handed out at once for all its partitions. */
const PARTITIONS_AT_ONCE = 64;

/** What happens in a session. None of it may throw. */
interface SessionEvents {
  /** The group has been shared out anew; these are ours now. Fetching has not begun. */
  joined(assigned: readonly Place[], memberId: string): void;
  /**
   * We are about to ask to join, for the first time or again. If the group is being shared out anew it waits for us until
   * then, and commits of the old share-out count. Must not reject.
   */
  joining(): Promise<void>;
  fetched(place: Place, messages: readonly KafkaMessage[]): void;
  /** It broke down, even before `start` resolved perhaps; nothing more happens in it. */
  ended(reason: unknown): void;
}

/** One membership in the group: one kafkajs consumer, from joining to leaving or to its breakdown. */
export interface Session {
  /** Connects and joins. Rejects when it can't. */
  start(): Promise<void>;
  /** Something was fetched: `commit` works. */
  hasFetched(): boolean;
  /** Goes on from this offset. */
  seek(place: Place, offset: number): void;
  /** Stops fetching, or goes on with it. */
  pause(place: Place): void;
  resume(place: Place): void;
  /**
   * Commits in the name of the present share-out: refused by the broker as soon as there is another. Null before
   * anything was fetched.
   */
  commit(offsets: OffsetsByTopicPartition): Promise<void> | null;
  /** Leaves the group, so that others take over at once. Never rejects. */
  leave(): Promise<void>;
  /** Ends it without a goodbye. */
  kill(): void;
}

interface SessionDeps {
  clients: Clients;
  limits: KafkaLogLimits;
  group: string;
  topics: readonly string[];
  /** The partition numbers that we have. */
  owned: () => readonly number[];
  /** Fetches wait so long for more than a little, ms; 0: they are answered as soon as there is anything. */
  gatherMs: number;
  /** Records of this topic are written well before they are due. */
  hasTime: (topic: string) => boolean;
  /** What we were called in a session that broke down; the group may think that we are there still. */
  former: string | null;
  events: SessionEvents;
}

type CommitVia = EachBatchPayload['commitOffsetsIfNecessary'];

/** What a session knows of itself. */
interface Course {
  over: boolean;
  /** With a goodbye: one that is ended otherwise goes on under its name. */
  leaving: boolean;
  /** The fetch loop ran. */
  aliveAt: number;
  /** The latest fetch began. */
  fetchAt: number;
  /** The latest fetch was answered: what is asked afterwards tells of now. */
  turnAt: number;
  /** When we asked, the group knew us as a member. */
  heardAt: number;
  commitVia: CommitVia | null;
  cluster: Cluster | null;
}

export function createSession(deps: SessionDeps): Session {
  const { events } = deps;
  const client = deps.clients.create(REQUEST_TIMEOUT_MS);
  const now = performance.now();
  const course: Course = {
    ...{ over: false, leaving: false, aliveAt: now, fetchAt: now, turnAt: now, heardAt: now },
    ...{ commitVia: null, cluster: null },
  };
  const consumer = createConsumerOf(client, deps, course);
  const kill = (): void => {
    course.over = true;
    clearInterval(silence);
    client.kill();
  };
  const end = (reason: unknown): void => {
    if (course.over) return;
    kill();
    events.ended(reason);
  };
  const silence = setInterval(() => {
    if (performance.now() - course.aliveAt > SILENCE_MS) end(new Error(`silent for ${SILENCE_MS} ms`));
  }, SILENCE_CHECK_MS).unref();
  const steering = createSteering(consumer, () => course.cluster, deps.hasTime);
  listen(consumer, { course, events, end, steering });

  // Must not throw, a TypeError ends the consumer for good; and must not wait but for the next fetch, which is held up.
  const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
    const { batch } = payload;
    await confirmMembership(payload, course, deps.limits);
    // The consumer's own commitOffsets tries again after a rebalance, when the partition may be another's; and does
    // nothing once it is being stopped. This one takes the share-out it is called in, and tries once.
    course.commitVia = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    if (!course.over && !payload.isStale()) events.fetched(batch, batch.messages);
    const wait = course.fetchAt + deps.limits.fetchSpacingMs - performance.now();
    if (wait > 0) await sleep(wait);
  };

  return {
    start: async () => {
      await consumer.connect();
      await consumer.subscribe({ topics: [...deps.topics], fromBeginning: true });
      // Left in the meantime: who joined now would be a member that nobody dismisses.
      if (course.over) return;
      await consumer.run({
        autoCommit: false,
        eachBatch,
        partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
      });
    },
    hasFetched: () => course.commitVia !== null,
    ...steering,
    commit: (offsets) => course.commitVia?.(offsets) ?? null,
    leave: async () => {
      course.over = true;
      course.leaving = true;
      await within(LEAVE_TIMEOUT_MS, consumer.disconnect()).catch(() => undefined);
      kill();
    },
    kill,
  };
}

/**
 * Frozen for longer than a session, we may be a member no more without knowing, and would hand out what others have
 * done. Then this waits for the group's answer, for a heartbeat's interval at most; it throws what makes kafkajs join
 * again. Otherwise it returns at once.
 */
async function confirmMembership(
  payload: EachBatchPayload,
  course: Course,
  { sessionTimeoutMs, heartbeatIntervalMs }: KafkaLogLimits,
): Promise<void> {
  while (performance.now() - course.heardAt > sessionTimeoutMs && !course.over) {
    course.turnAt = performance.now();
    // An answer from before the freeze may count as the latest heartbeat: then this asks only after the interval.
    await payload.heartbeat();
    if (course.heardAt < course.turnAt) await sleep(heartbeatIntervalMs / 2);
  }
}

function createConsumerOf(
  { kafka }: KafkaClient,
  { group, owned, limits, gatherMs, former, events }: SessionDeps,
  course: Course,
): Consumer {
  return kafka.consumer({
    groupId: group,
    partitionAssigners: [
      createAssigner(owned, (cluster) => {
        course.cluster = cluster;
        keepMembership(cluster, {
          former,
          leaves: () => course.leaving,
          joins: async () => {
            if (!course.over) await events.joining();
          },
        });
      }),
    ],
    sessionTimeout: limits.sessionTimeoutMs,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    heartbeatInterval: limits.heartbeatIntervalMs,
    maxBytesPerPartition: limits.fetchBytesPerPartition,
    maxBytes: FETCH_BYTES,
    maxWaitTimeInMs: Math.max(limits.fetchWaitMs, gatherMs),
    // No more than one partition may bring, or a fetch would wait for what it won't get.
    minBytes: gatherMs > 0 ? limits.fetchBytesPerPartition : 1,
    allowAutoTopicCreation: false,
    // A restart by kafkajs would go on under our feet; we start a new session.
    retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
  });
}

interface Listeners {
  course: Course;
  events: SessionEvents;
  end: (reason: unknown) => void;
  steering: Steering;
}

function listen(consumer: Consumer, { course, events, end, steering }: Listeners): void {
  const alive = (): void => {
    course.aliveAt = performance.now();
  };
  const { FETCH_START, FETCH, HEARTBEAT, GROUP_JOIN, REBALANCING, CRASH } = consumer.events;
  consumer.on(FETCH_START, ({ payload }) => {
    alive();
    course.fetchAt = course.aliveAt;
    steering.fetching(String(payload.nodeId));
  });
  consumer.on(FETCH, () => {
    course.turnAt = performance.now();
  });
  consumer.on(HEARTBEAT, () => {
    alive();
    course.heardAt = course.turnAt;
  });
  consumer.on(GROUP_JOIN, ({ payload }) => {
    alive();
    course.heardAt = course.aliveAt;
    const places = placesOf(payload.memberAssignment);
    steering.assigned(places);
    if (!course.over) events.joined(places, payload.memberId);
  });
  consumer.on(REBALANCING, alive);
  consumer.on(CRASH, ({ payload }) => {
    end(payload.error);
  });
}

function placesOf(assignment: Readonly<Record<string, number[]>>): Place[] {
  return Object.entries(assignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}
