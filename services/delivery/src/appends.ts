import { LogUnavailableError, mayRepeat, type MessageLog } from '@milena/log';
import { createMicroBatcher, type Clock } from '@milena/runtime';
import type { Outage } from './outage.ts';
import { recordsOf, type Aftermath } from './records.ts';

/** An append that takes longer means that the log is away, whether or not it says so. */
const SLOW_APPEND_MS = 2000;
/** What becomes of so many deliveries shares one append. */
const DELIVERIES_PER_APPEND = 512;
/** Nobody waits for what a worker appends, so it waits for more to share the append, and leaves the disk to who is waited for. */
const APPEND_SPACING_MS = 20;

/** Appends that are made, however long the log is away. */
export interface Appends {
  /**
   * Resolves to true once the records are durable. While the log is away the same records are appended again, ids
   * included, and marked when they may be in it already. False: given up, because the worker stops.
   */
  append(aftermath: Aftermath): Promise<boolean>;
  /** Reports an append that takes too long; to be called every second or two. */
  check(): void;
  /** Gives up: what is not appended by now never will be. */
  abandon(): void;
}

/** Of an append that is tried again: whether an earlier try may have got there. */
interface Doubt {
  maybeAppended: boolean;
}

/** What is asked for while an append is under way shares the next one. */
export function createAppends(deps: {
  log: Pick<MessageLog, 'append'>;
  outage: Outage;
  clock: Clock;
  appendSpacingMs?: number;
}): Appends {
  const { log, outage, clock } = deps;
  /** Since when each append is under way, the oldest first. */
  const underWay = new Set<{ since: number }>();
  let abandoned = false;

  /** False, once it is time to try again, when it failed. */
  async function once(aftermaths: readonly Aftermath[], doubt: Doubt): Promise<boolean> {
    const entry = { since: clock.now() };
    underWay.add(entry);
    const records = recordsOf(aftermaths);
    try {
      await log.append(doubt.maybeAppended ? records.map(mayRepeat) : records);
    } catch (error) {
      doubt.maybeAppended ||= !(error instanceof LogUnavailableError) || error.maybeAppended;
      underWay.delete(entry);
      await outage.failed(error);
      return false;
    }
    underWay.delete(entry);
    outage.over();
    return true;
  }

  async function alone(aftermath: Aftermath, doubt: Doubt): Promise<boolean> {
    while (!abandoned) if (await once([aftermath], doubt)) return true;
    return false;
  }

  const batcher = createMicroBatcher<Aftermath, { done: Promise<boolean> }>({
    run: async (aftermaths) => {
      const doubt = { maybeAppended: false };
      if (!abandoned && (await once(aftermaths, doubt))) {
        return aftermaths.map(() => ({ done: Promise.resolve(true) }));
      }
      // Each by itself: one that the log never takes must not keep the others from it.
      return aftermaths.map((aftermath) => ({ done: alone(aftermath, { ...doubt }) }));
    },
    ...{ weigh: () => 1, maxBatchWeight: DELIVERIES_PER_APPEND },
    // The log hands out no more than may be in hand.
    maxBacklogWeight: Infinity,
    ...{ eager: true, spacingMs: deps.appendSpacingMs ?? APPEND_SPACING_MS },
  });

  return {
    append: async (aftermath) => {
      const { done } = await batcher.submit(aftermath);
      return done;
    },
    check: () => {
      const [oldest] = underWay;
      if (oldest === undefined || clock.now() - oldest.since < SLOW_APPEND_MS) return;
      void outage.failed(new Error(`an append is under way for more than ${SLOW_APPEND_MS} ms`));
    },
    abandon: () => {
      abandoned = true;
      outage.release();
    },
  };
}
