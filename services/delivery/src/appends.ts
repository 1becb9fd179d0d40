import type { LogRecord, MessageLog } from '@milena/log';
import type { Clock } from '@milena/runtime';
import type { Outage } from './outage.ts';

/** An append that takes longer means that the log is away, whether or not it says so. */
const SLOW_APPEND_MS = 2000;

/** Appends that are made, however long the log is away. */
export interface Appends {
  /**
   * Resolves to true once the records are durable. While the log is away the same records are appended again, ids
   * included. False: given up, because the worker stops.
   */
  append(records: readonly LogRecord[]): Promise<boolean>;
  /** Reports an append that takes too long; to be called every second or two. */
  check(): void;
  /** Gives up: what is not appended by now never will be. */
  abandon(): void;
}

export function createAppends(deps: {
  log: Pick<MessageLog, 'append'>;
  outage: Outage;
  clock: Clock;
}): Appends {
  const { log, outage, clock } = deps;
  /** Since when each append is under way, the oldest first. */
  const underWay = new Set<{ since: number }>();
  let abandoned = false;

  async function once(records: readonly LogRecord[]): Promise<void> {
    const entry = { since: clock.now() };
    underWay.add(entry);
    try {
      await log.append(records);
    } finally {
      underWay.delete(entry);
    }
  }

  return {
    append: async (records) => {
      while (!abandoned) {
        try {
          await once(records);
          outage.over();
          return true;
        } catch (error) {
          await outage.failed(error);
        }
      }
      return false;
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
