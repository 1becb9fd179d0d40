import type { CancelTimer, Clock, Logger } from '@milena/runtime';
import { BATCH, namedByMark, type Batch, type Tail } from './batch.ts';

const POLL_MS = 500;
/** Proxies drop a connection that is silent for a minute, some after 30 s. */
const HEARTBEAT_MS = 15_000;

interface Poller {
  /**
   * Begins polling from now on unless it goes on already; a mark that whatever is stored from here on comes after, and
   * that names no attempt.
   */
  start(): Promise<string>;
  stop(): void;
}

/** Asks for new attempts every 500 ms while it runs. A poll that fails is made again from the same mark. */
export function createPoller(deps: {
  attempts: Tail;
  clock: Clock;
  logger: Logger;
  onBatch: (batch: Batch) => void;
  /** With the mark up to which everything was handed out, or null while that mark names an attempt. */
  onHeartbeat: (mark: string | null) => void;
}): Poller {
  const { attempts, clock, logger, onBatch, onHeartbeat } = deps;
  /** Every client may see it, whatever its tenant; resolves to null while the last one names an attempt. */
  let mark: Promise<string | null> | null = null;
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
      full = namedByMark(batch) !== null;
      mark = Promise.resolve(full ? null : batch.mark);
      // While nothing comes it asks from the same mark again: an insert that took long is still seen then.
      if (batch.data.length > 0) to = batch.mark;
      onBatch(batch);
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

  async function now(): Promise<string> {
    return (await attempts.tail(null, 1)).mark;
  }

  async function begin(myEpoch: number): Promise<string> {
    const from = await now();
    if (myEpoch === epoch) {
      cancelPoll = clock.after(POLL_MS, () => void poll(from, myEpoch));
      beat();
    }
    return from;
  }

  return {
    start: async () => (await (mark ??= begin(epoch))) ?? now(),
    stop: () => {
      epoch += 1;
      mark = null;
      cancelPoll?.();
      cancelHeartbeat?.();
    },
  };
}
