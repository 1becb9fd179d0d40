import type { CancelTimer, Clock, Logger } from '@milena/runtime';

/** A part that is back for less than this was never back. */
const STABLE_MS = 5000;

interface OutageLog {
  down(part: string, reason: string): void;
  up(part: string): void;
  close(): void;
}

/** One line when something of several parts goes away, one when all of it has been back for five seconds. */
export function createOutageLog(deps: { event: string; clock: Clock; logger: Logger }): OutageLog {
  const { clock, logger, event } = deps;
  const away = new Set<string>();
  let since: number | null = null;
  let drops = 0;
  let cancelOver: CancelTimer = () => undefined;

  return {
    down: (part, reason) => {
      cancelOver();
      if (!away.has(part)) drops += 1;
      away.add(part);
      if (since !== null) return;
      since = clock.now();
      logger.warn({ event, part, reason });
    },
    up: (part) => {
      away.delete(part);
      if (since === null || away.size > 0) return;
      const backAt = clock.now();
      const began = since;
      cancelOver = clock.after(STABLE_MS, () => {
        logger.info({ event, over: true, away_ms: backAt - began, drops });
        since = null;
        drops = 0;
      });
    },
    close: () => {
      cancelOver();
    },
  };
}
