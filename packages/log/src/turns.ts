/** Handing out goes on for this long before other work of the process has its turn. */
const SLICE_MS = 2;

/** What came of one turn: there may be more; nothing is left; or nobody can go on before `unblock`. */
export type Outcome = 'more' | 'empty' | 'blocked';

interface Turns<T extends object> {
  /** It may have something to do: gives it a turn soon, once, however often it is queued until then. */
  queue(one: T): void;
  /** After a turn ended `blocked`: whoever it was goes first now. */
  unblock(): void;
}

/** Round robin over whoever is queued: a busy one never starves another, nor the rest of the process. */
export function createTurns<T extends object>(takeTurn: (one: T) => Outcome): Turns<T> {
  const waiting: T[] = [];
  const queued = new Set<T>();
  let scheduled = false;
  let blocked = false;

  const schedule = (): void => {
    if (scheduled || blocked || waiting.length === 0) return;
    scheduled = true;
    setImmediate(run);
  };

  const run = (): void => {
    scheduled = false;
    const end = performance.now() + SLICE_MS;
    while (!blocked && performance.now() < end) {
      const one = waiting.shift();
      if (one === undefined) return;
      const outcome = takeTurn(one);
      if (outcome === 'empty') queued.delete(one);
      else if (outcome === 'more') waiting.push(one);
      else {
        // Whoever did not fit is next when there is room, or a large record would wait for ever.
        waiting.unshift(one);
        blocked = true;
      }
    }
    schedule();
  };

  return {
    queue: (one) => {
      if (queued.has(one)) return;
      queued.add(one);
      waiting.push(one);
      schedule();
    },
    unblock: () => {
      blocked = false;
      schedule();
    },
  };
}
