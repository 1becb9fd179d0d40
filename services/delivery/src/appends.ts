import type { MessageLog } from '@milena/log';
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
   * included. False: given up, because the worker stops.
   */
  append(aftermath: Aftermath): Promise<boolean>;
  /** Reports an append that takes too long; to be called every second or two. */
  check(): void;
  /** Gives up: what is not appended by now never will be. */
  abandon(): void;
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

  async function once(aftermaths: readonly Aftermath[]): Promise<void> {
    const entry = { since: clock.now() };
    underWay.add(entry);
    await log.append(recordsOf(aftermaths)).finally(() => underWay.delete(entry));
    outage.over();
  }

  async function alone(aftermath: Aftermath): Promise<boolean> {
    while (!abandoned) {
      try {
        await once([aftermath]);
        return true;
      } catch (error) {
        await outage.failed(error);
      }
    }
    return false;
  }

  const batcher = createMicroBatcher<Aftermath, { done: Promise<boolean> }>({
    run: async (aftermaths) => {
      if (!abandoned) {
        try {
          await once(aftermaths);
          return aftermaths.map(() => ({ done: Promise.resolve(true) }));
        } catch (error) {
          await outage.failed(error);
        }
      }
      // Each by itself: one that the log never takes must not keep the others from it.
      return aftermaths.map((aftermath) => ({ done: alone(aftermath) }));
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
