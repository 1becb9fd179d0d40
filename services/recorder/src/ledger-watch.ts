import { createRounds, type Clock, type Metrics, type Rounds } from '@milena/runtime';

const MINUTE_MS = 60_000;
/** By then even a slow worker has made an attempt or put the delivery off. */
const GRACE_MS = 10 * MINUTE_MS;
const WINDOW_MS = 60 * MINUTE_MS;

/**
 * Shows in the metrics how many deliveries were accepted of which nothing is told since. Every recorder shows the same. A
 * minute with none is looked at again only before it leaves the window, in case it was recorded late: an hour of a busy
 * installation is millions of ids.
 */
export function createLedgerWatch(deps: {
  /**
   * Deliveries accepted in that time, ms since the epoch, of which the history tells nothing else, by the minute of their
   * acceptance.
   */
  countSilent: (accepted: { since: number; until: number }) => Promise<ReadonlyMap<number, number>>;
  metrics: Pick<Metrics, 'ledgerImbalance'>;
  clock: Clock;
}): Rounds {
  const { countSilent, metrics, clock } = deps;
  /** Of the minutes that were looked at, by their beginning. */
  const silent = new Map<number, number>();

  return createRounds(clock, async (stopping) => {
    const until = Math.floor((clock.now() - GRACE_MS) / MINUTE_MS) * MINUTE_MS;
    const since = until - WINDOW_MS;
    for (const minute of silent.keys()) if (minute < since) silent.delete(minute);
    try {
      for (const gap of toLookAt(silent, since, until)) {
        if (stopping.aborted) return null;
        const found = await countSilent(gap);
        for (let minute = gap.since; minute < gap.until; minute += MINUTE_MS) {
          silent.set(minute, found.get(minute) ?? 0);
        }
      }
      metrics.ledgerImbalance.set({ window: '1h' }, sum(silent.values()));
    } catch {
      // The history is away, which others report. A figure of long ago would be worse than none.
      metrics.ledgerImbalance.reset();
    }
    return MINUTE_MS;
  });
}

/** Runs of minutes that are new or had some, and the oldest. */
function toLookAt(silent: ReadonlyMap<number, number>, since: number, until: number) {
  const gaps: { since: number; until: number }[] = [];
  for (let minute = since; minute < until; minute += MINUTE_MS) {
    if (minute > since && silent.get(minute) === 0) continue;
    const last = gaps.at(-1);
    if (last?.until === minute) last.until += MINUTE_MS;
    else gaps.push({ since: minute, until: minute + MINUTE_MS });
  }
  return gaps;
}

function sum(counts: Iterable<number>): number {
  let all = 0;
  for (const count of counts) all += count;
  return all;
}
