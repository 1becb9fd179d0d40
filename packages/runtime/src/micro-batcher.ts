interface MicroBatcherOptions<Item, Result> {
  /** One result per item, in order; when it rejects, every item of the batch does. */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** What an item counts against the bounds, in a unit of the caller's choice. */
  weigh(item: Item): number;
  /** A batch stays below this, but for a single item that is heavier by itself. */
  maxBatchWeight: number;
  /** What may wait and be under way together. A single heavier item passes when nothing else is there. */
  maxBacklogWeight: number;
  /** An item that comes alone goes out at once, not at the end of the turn: its failure shows before others are begun. */
  eager?: boolean;
}

interface MicroBatcher<Item, Result> {
  /** Rejects with BacklogFullError at once when too much is waiting already, otherwise as `run` does. */
  submit(item: Item): Promise<Result>;
  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void>;
}

/** More is waiting than may: the caller answers 503. */
export class BacklogFullError extends Error {
  override name = 'BacklogFullError';
}

interface Entry<Item, Result> {
  item: Item;
  weight: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Shares one call between many callers. An item that comes alone goes out at the end of the current turn of the event
 * loop; while a call is under way, what comes gathers and makes up the next one. So batches grow with the load and
 * nobody waits on a timer.
 */
export function createMicroBatcher<Item, Result>(
  options: MicroBatcherOptions<Item, Result>,
): MicroBatcher<Item, Result> {
  const waiting: Entry<Item, Result>[] = [];
  const idleListeners: (() => void)[] = [];
  let backlogWeight = 0;
  let busy = false;

  function takeBatch(): Entry<Item, Result>[] {
    let weight = 0;
    let count = 0;
    for (const entry of waiting) {
      if (count > 0 && weight + entry.weight > options.maxBatchWeight) break;
      weight += entry.weight;
      count += 1;
    }
    return waiting.splice(0, count);
  }

  async function runBatch(batch: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await options.run(batch.map((entry) => entry.item));
      batch.forEach((entry, i) => {
        entry.resolve(results[i] as Result);
      });
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
    for (const entry of batch) backlogWeight -= entry.weight;
  }

  async function drain(): Promise<void> {
    while (waiting.length > 0) await runBatch(takeBatch());
    busy = false;
    for (const listener of idleListeners.splice(0)) listener();
  }

  return {
    submit: (item) => {
      const weight = options.weigh(item);
      if (backlogWeight > 0 && backlogWeight + weight > options.maxBacklogWeight) {
        return Promise.reject(new BacklogFullError('too much is waiting already'));
      }
      backlogWeight += weight;
      return new Promise((resolve, reject) => {
        waiting.push({ item, weight, resolve, reject });
        if (busy) return;
        busy = true;
        if (options.eager) void drain();
        else setImmediate(() => void drain());
      });
    },
    idle: () =>
      new Promise((resolve) => {
        if (busy) idleListeners.push(resolve);
        else resolve();
      }),
  };
}
