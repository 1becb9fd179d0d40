/** Handing out goes on for this long before other work of the process has its turn. */
const SLICE_MS = 2;

/** What came of one turn: there may be more; nothing is left; or nobody can go on before `unblock`. */
export type Outcome = 'more' | 'empty' | 'blocked';

/** Whoever has turns. */
export interface Taker {
  /** It waits for a turn or has one: `createTurns` sees to it. (A set of them had its table made anew thousands of times.) */
  queued: boolean;
}

interface Turns<T extends Taker> {
  /** It may have something to do: gives it a turn soon, once, however often it is queued until then. */
  queue(one: T): void;
  /** After a turn ended `blocked`: whoever it was goes first now. */
  unblock(): void;
}

/** Round robin over whoever is queued: a busy one never starves another, nor the rest of the process. */
export function createTurns<T extends Taker>(takeTurn: (one: T) => Outcome): Turns<T> {
  const waiting: T[] = [];
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
      if (outcome === 'empty') one.queued = false;
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
      if (one.queued) return;
      one.queued = true;
      waiting.push(one);
      schedule();
    },
    unblock: () => {
      blocked = false;
      schedule();
    },
  };
}
