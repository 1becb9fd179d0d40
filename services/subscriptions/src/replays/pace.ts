import { DELIVERIES, GROUPS, type MessageLog } from '@milena/log';
import type { Clock } from '@milena/runtime';
import { pause } from '../pause.ts';

/** What waits for its first attempt, beyond which a replay steps back. */
const BUSY_RECORDS = 2000;
const LOOK_MS = 250;
/** So long at most for each batch: one endpoint that hangs keeps the mark back for ever, and a replay must not starve. */
const LONGEST_WAIT_MS = 5000;
/** What a late batch may be made up for. */
const LONGEST_CREDIT_MS = 500;

/** Share of a second in one batch, and its bounds. */
const BATCH_MS = 250;
const LARGEST_BATCH = 500;

export interface Pace {
  /** Items of one batch. */
  readonly batch: number;
  /** Resolves when the next batch may go: by its rate, and when live traffic leaves room. */
  turn(signal: AbortSignal): Promise<void>;
  /** So many items went. */
  went(items: number): void;
  /** Items a second of late; null before the second batch. */
  observed(): number | null;
}

export function createPace(deps: { log: Pick<MessageLog, 'lag'>; clock: Clock }, ratePerS: number): Pace {
  const { log, clock } = deps;
  let nextAt = clock.now();
  let lastAt: number | null = null;
  let observed: number | null = null;

  const isBusy = async (): Promise<boolean> => {
    const lags = await log.lag(GROUPS.delivery, [DELIVERIES]);
    return lags.reduce((sum, { records }) => sum + records, 0) > BUSY_RECORDS;
  };

  return {
    batch: Math.min(LARGEST_BATCH, Math.max(1, Math.ceil((ratePerS * BATCH_MS) / 1000))),
    turn: async (signal) => {
      await pause(clock, nextAt - clock.now(), signal);
      const patience = clock.now() + LONGEST_WAIT_MS;
      while (!signal.aborted && clock.now() < patience && (await isBusy())) {
        await pause(clock, LOOK_MS, signal);
      }
    },
    went: (items) => {
      const now = clock.now();
      nextAt = Math.max(nextAt, now - LONGEST_CREDIT_MS) + (items / ratePerS) * 1000;
      if (lastAt !== null && now > lastAt && items > 0) {
        const rate = (items / (now - lastAt)) * 1000;
        observed = observed === null ? rate : observed + (rate - observed) * 0.1;
      }
      lastAt = now;
    },
    observed: () => observed,
  };
}
