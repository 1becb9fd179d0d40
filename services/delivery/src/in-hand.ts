import type { ConsumedRecord } from '@milena/log';
import { sleep, type Clock, type Logger } from '@milena/runtime';
import type { Tenure } from './tenure.ts';

/** Our side is broken for a record: it is tried again this often, and never acked unhandled. */
const BROKEN_WAIT_MS = 5000;

/** The records that were taken from the log and are not done with. */
interface InHand {
  /** Sees to a record until it is done with. Does not throw and does not wait. */
  take(record: ConsumedRecord, tenure: Tenure): void;
  /** From now on what fails is let go. Resolves when nothing is in hand any more, or when the time is up. */
  drained(timeoutMs: number): Promise<void>;
}

export function createInHand(deps: {
  handle: (record: ConsumedRecord, tenure: Tenure) => Promise<void>;
  clock: Clock;
  logger: Logger;
}): InHand {
  const { handle, clock, logger } = deps;
  let count = 0;
  /** Waiting for their next try; a stop lets go of them. */
  let broken = 0;
  let onProgress: () => void = () => undefined;
  let stopping = false;
  const over = (tenure: Tenure): boolean => stopping || tenure.ended;

  /** False: to be tried again. */
  async function handled(record: ConsumedRecord, tenure: Tenure): Promise<boolean> {
    try {
      await handle(record, tenure);
      return true;
    } catch (error) {
      const { topic, partition, key } = record;
      const offset = String(record.offset);
      logger.error({ event: 'delivery.broken', topic, partition, offset, key, err: error });
      return false;
    }
  }

  async function see(record: ConsumedRecord, tenure: Tenure): Promise<void> {
    count += 1;
    while (!(await handled(record, tenure)) && !over(tenure)) {
      broken += 1;
      await sleep(clock, BROKEN_WAIT_MS);
      broken -= 1;
      if (over(tenure)) break;
    }
    count -= 1;
    onProgress();
  }

  return {
    take: (record, tenure) => void see(record, tenure),
    drained: (timeoutMs) =>
      new Promise((resolve) => {
        const cancel = clock.after(timeoutMs, () => {
          logger.warn({ event: 'delivery.drain_timed_out', in_hand: count - broken });
          resolve();
        });
        stopping = true;
        onProgress = () => {
          if (count > broken) return;
          cancel();
          resolve();
        };
        onProgress();
      }),
  };
}
