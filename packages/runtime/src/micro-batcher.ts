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
  /**
   * A batch doesn't wait for the one before, unless more is waiting than it takes: for a callee that makes one of what comes
   * meanwhile itself.
   */
  overlapping?: boolean;
  /** Least time between the starts of two batches, ms, unless the next one is full; none unless told. */
  spacingMs?: number;
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
 * Shares one call between many callers. What comes in one turn of the event loop goes out at its end; while a call is under
 * way, what comes gathers and makes up the next one, unless calls may overlap. So batches grow with the load and nobody
 * waits on a timer, but for a spacing that the caller wants.
 */
export function createMicroBatcher<Item, Result>(
  options: MicroBatcherOptions<Item, Result>,
): MicroBatcher<Item, Result> {
  const waiting: Entry<Item, Result>[] = [];
  const work = createWork();
  let backlogWeight = 0;
  let gathering = false;
  let startedAt = -Infinity;

  /** In real time, not a clock's: pacing calls is no event that a test plays. */
  function msToNext(): number {
    if (options.spacingMs === undefined) return 0;
    const full = weightOf(waiting) >= options.maxBatchWeight;
    return full ? 0 : startedAt + options.spacingMs - performance.now();
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
    backlogWeight -= weightOf(batch);
  }

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const wait = msToNext();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      startedAt = performance.now();
      const run = work.during(runBatch(takeBatch(waiting, options.maxBatchWeight)));
      if (!options.overlapping || waiting.length > 0) await run;
    }
    gathering = false;
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
        if (gathering) return;
        gathering = true;
        void work.during(options.eager ? drain() : endOfTurn().then(drain));
      });
    },
    idle: () => work.done(),
  };
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function weightOf(entries: readonly { weight: number }[]): number {
  return entries.reduce((sum, { weight }) => sum + weight, 0);
}

/** Takes from the head what fits into one batch, one entry at least. */
function takeBatch<One extends { weight: number }>(waiting: One[], maxWeight: number): One[] {
  let weight = 0;
  let count = 0;
  for (const entry of waiting) {
    if (count > 0 && weight + entry.weight > maxWeight) break;
    weight += entry.weight;
    count += 1;
  }
  return waiting.splice(0, count);
}

/** What is under way, for those who wait for its end. */
function createWork() {
  const listeners: (() => void)[] = [];
  let underWay = 0;
  return {
    /** The promise must not reject. */
    during: async (one: Promise<void>): Promise<void> => {
      underWay += 1;
      await one;
      underWay -= 1;
      if (underWay === 0) for (const listener of listeners.splice(0)) listener();
    },
    done: () =>
      underWay === 0 ? Promise.resolve() : new Promise<void>((resolve) => listeners.push(resolve)),
  };
}
