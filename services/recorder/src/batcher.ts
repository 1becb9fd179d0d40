import type { CancelTimer, Clock } from '@milena/runtime';
import { createBatchQueue, type Batch } from './batch-queue.ts';
import { keepTrying } from './keep-trying.ts';

/** Writes of fewer rows are small: these come at a rate at which one every `lingerMs` is no load. */
const LARGE_ROWS = 100;

interface BatcherOptions<Item> {
  clock: Clock;
  /** How long the first item of a batch waits for company, ms; longer where `spacingMs` makes it. */
  lingerMs: number;
  /** From the beginning of a large write to that of the next, ms; 0: none. A full batch does not wait for it. */
  spacingMs: number;
  maxItems: number;
  maxBytes: number;
  begin: () => Batch<Item>;
  /** A try failed; the next one follows after `retryInMs`. */
  onFailure: (error: unknown, items: number, tries: number, retryInMs: number) => void;
}

interface Batcher<Item> {
  add(item: Item, bytes: number): void;
  /** Forgets what came from these partitions and is not being written yet. */
  drop(partitions: readonly number[]): void;
  /** Writes what is there without lingering. Resolves when all is written, at the latest after `deadlineMs`; then the rest is given up. */
  drain(deadlineMs: number): Promise<void>;
}

/**
 * Gathers items and writes them in batches, in order, one batch at a time. A batch that fails is tried again for ever,
 * with growing waits: the items stay the caller's to acknowledge, so a store that is away holds the log back and loses
 * nothing.
 */
export function createBatcher<Item>(options: BatcherOptions<Item>): Batcher<Item> {
  const { clock, onFailure } = options;
  const queue = createBatchQueue<Item>(options);
  const givenUp = new AbortController();
  let cancelLinger: CancelTimer | null = null;
  let lingered = false;
  let largeAt = -Infinity;
  let draining = false;
  let running: Promise<void> | null = null;

  const ready = () => !queue.isEmpty() && (lingered || draining || queue.isFull());

  function stopLingering(): void {
    cancelLinger?.();
    cancelLinger = null;
    lingered = false;
  }

  async function run(): Promise<void> {
    while (ready() && !givenUp.signal.aborted) {
      stopLingering();
      const next = queue.take();
      largeAt = next.rows < LARGE_ROWS ? -Infinity : clock.now();
      await keepTrying({
        clock,
        signal: givenUp.signal,
        attempt: () => next.batch.write(),
        onFailure: (error, tries, retryInMs) => {
          onFailure(error, next.items, tries, retryInMs);
        },
      });
    }
    running = null;
    wake();
  }

  /** Starts writing when a batch is ready, otherwise the wait for company. */
  function wake(): void {
    if (running !== null || queue.isEmpty() || givenUp.signal.aborted) return;
    if (ready()) {
      running = run();
      return;
    }
    cancelLinger ??= clock.after(waitMs(options, largeAt), () => {
      lingered = true;
      wake();
    });
  }

  return {
    add: (item, bytes) => {
      queue.push(item, bytes);
      wake();
    },
    drop: (partitions) => {
      queue.drop(partitions);
    },
    drain: async (deadlineMs) => {
      draining = true;
      wake();
      if (running !== null) await within(clock, deadlineMs, running);
      givenUp.abort();
      stopLingering();
    },
  };
}

/** How long what begins to gather now waits. A clock that was set back since the last large write makes it no longer. */
function waitMs(
  { clock, lingerMs, spacingMs }: Pick<BatcherOptions<unknown>, 'clock' | 'lingerMs' | 'spacingMs'>,
  largeAt: number,
): number {
  return Math.max(lingerMs, Math.min(largeAt + spacingMs - clock.now(), spacingMs));
}

/** Resolves with the work, or when the time is up. */
function within(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    void work.then(() => {
      cancel();
      resolve();
    });
  });
}
