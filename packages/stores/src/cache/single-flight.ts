interface SingleFlight<Value> {
  /** Joins the load of this key that is under way, or starts one. */
  load(key: string): Promise<Value>;
  /** The load under way, if any, is nobody's any more: its result is not reported and nobody joins it. */
  abandon(key: string): void;
  abandonAll(): void;
  /** Abandons every load; resolves when none runs any more. */
  close(): Promise<void>;
}

/** One load per key at a time. `report` hears of results, but not of abandoned loads': those may be out of date. */
export function createSingleFlight<Value>(
  load: (key: string) => Promise<Value>,
  report: { loaded(key: string, value: Value): void; failed(key: string, error: unknown): void },
): SingleFlight<Value> {
  const current = new Map<string, Promise<Value>>();
  const running = new Set<Promise<Value>>();

  const start = (key: string): Promise<Value> => {
    const finished = (): boolean => {
      running.delete(promise);
      return current.get(key) === promise && current.delete(key);
    };
    const promise: Promise<Value> = load(key).then(
      (value) => {
        if (finished()) report.loaded(key, value);
        return value;
      },
      (error: unknown) => {
        if (finished()) report.failed(key, error);
        throw error;
      },
    );
    current.set(key, promise);
    running.add(promise);
    return promise;
  };

  return {
    load: (key) => current.get(key) ?? start(key),
    abandon: (key) => {
      current.delete(key);
    },
    abandonAll: () => {
      current.clear();
    },
    close: async () => {
      current.clear();
      await Promise.allSettled(running);
    },
  };
}
