import type { AttemptView } from '@milena/domain';
import type { CancelTimer, Clock, Logger } from '@milena/runtime';
import type { AttemptReader } from '@milena/stores';

const POLL_MS = 500;
/** Proxies drop a connection that is silent for a minute, some after 30 s. */
const HEARTBEAT_MS = 15_000;
export const BATCH = 500;

interface Poller {
  /** Begins polling from now on unless it goes on already; the mark up to which everything was handed out. */
  start(): Promise<string>;
  stop(): void;
}

/** Asks for new attempts every 500 ms while it runs. A poll that fails is made again from the same mark. */
export function createPoller(deps: {
  attempts: Pick<AttemptReader, 'tail'>;
  clock: Clock;
  logger: Logger;
  onBatch: (batch: readonly AttemptView[], mark: string) => void;
  onHeartbeat: (mark: string) => void;
}): Poller {
  const { attempts, clock, logger, onBatch, onHeartbeat } = deps;
  let mark: Promise<string> | null = null;
  let cancelPoll: CancelTimer | null = null;
  let cancelHeartbeat: CancelTimer | null = null;
  /** Grows whenever the poller stops, so that a poll still under way finds itself outdated. */
  let epoch = 0;

  async function poll(from: string, myEpoch: number): Promise<void> {
    let to = from;
    let full = false;
    try {
      const batch = await attempts.tail(from, BATCH);
      if (myEpoch !== epoch) return;
      to = batch.mark;
      mark = Promise.resolve(to);
      full = batch.data.length >= BATCH;
      onBatch(batch.data, to);
    } catch (error) {
      logger.warn({ event: 'live_tail.poll_failed', err: error });
    }
    // Asked again, not assumed: handing the batch out may have let the last listener go.
    if (myEpoch === epoch) cancelPoll = clock.after(full ? 0 : POLL_MS, () => void poll(to, myEpoch));
  }

  function beat(): void {
    cancelHeartbeat = clock.after(HEARTBEAT_MS, () => {
      beat();
      void mark?.then(onHeartbeat);
    });
  }

  async function begin(myEpoch: number): Promise<string> {
    const { mark: now } = await attempts.tail(null, 1);
    if (myEpoch === epoch) {
      cancelPoll = clock.after(POLL_MS, () => void poll(now, myEpoch));
      beat();
    }
    return now;
  }

  return {
    start: () => (mark ??= begin(epoch)),
    stop: () => {
      epoch += 1;
      mark = null;
      cancelPoll?.();
      cancelHeartbeat?.();
    },
  };
}
