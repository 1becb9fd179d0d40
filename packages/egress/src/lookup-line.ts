import type { Clock } from '@milena/runtime';
import { remember } from './remember.ts';

/** Resolves a host name to all its addresses; rejects when there are none. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** A `Lookup` that its caller can leave by the signal; the promise may stay open for ever then. */
export type LookupInTurn = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/** What the last look-ups of a name were like: the slower, the fewer places it may have. */
const SLOW = 0;
const UNKNOWN = 1;
const QUICK = 2;

/**
 * The system's resolver takes a thread of libuv's pool for each look-up, for ten seconds and more where a name server
 * hangs, and can't be stopped. The pool serves the disk too, so look-ups may never take all of it: a process that delivers
 * asks for 16 threads at its start, and the places here are half of them.
 *
 * By pace, and each number includes the slower names: those known to hang leave places to those not known yet, and both
 * together leave some to those that were quick. Else a few dozen hanging names would let every other name's posts time out.
 */
const PLACES = [2, 5, 8];

/** A look-up is quick, whatever its answer, when it takes no longer. */
const QUICK_MS = 1000;

/** Names whose pace is remembered; they take about 1 MB. */
const REMEMBERED_NAMES = 10_000;

/** One look-up, in line or under way. */
interface Asked {
  hostname: string;
  pace: number;
  /** How many callers have not left. */
  callers: number;
  begin: () => void;
  answer: Promise<readonly string[]>;
}

/** The paces of names, as their look-ups showed them. */
function createPaces() {
  const known = new Map<string, number>();
  return {
    of: (hostname: string): number => known.get(hostname) ?? UNKNOWN,
    learn: (hostname: string, tookMs: number): void => {
      const before = known.get(hostname) ?? UNKNOWN;
      // One step down at a time: one lost packet must not put a quick name among those that hang.
      const pace = tookMs <= QUICK_MS ? QUICK : Math.max(before - 1, SLOW);
      remember(known, hostname, pace, REMEMBERED_NAMES);
    },
  };
}

/**
 * Makes look-ups wait for a place: one look-up per name, however many callers wait for it, and not begun at all once
 * nobody does.
 */
export function createLookupLine(lookup: Lookup, clock: Clock): LookupInTurn {
  const paces = createPaces();
  const asked = new Map<string, Asked>();
  const ranks = PLACES.map((places) => ({ places, held: 0, line: new Set<Asked>() }));

  /** @param places 1 takes a place, -1 gives it back */
  function hold(pace: number, places: 1 | -1): void {
    for (const rank of ranks.slice(pace)) rank.held += places;
  }

  /** Names not known yet go before slow ones, which had their turn; the last places are for quick ones anyway. */
  function beginWhatMay(): void {
    for (const pace of [UNKNOWN, SLOW, QUICK]) {
      for (const entry of ranks[pace]?.line ?? []) {
        if (ranks.slice(pace).some(({ held, places }) => held >= places)) break;
        entry.begin();
      }
    }
  }

  async function lookUp(entry: Asked): Promise<readonly string[]> {
    const { hostname, pace } = entry;
    const begunAt = clock.now();
    ranks[pace]?.line.delete(entry);
    hold(pace, 1);
    try {
      return await lookup(hostname);
    } finally {
      hold(pace, -1);
      asked.delete(hostname);
      paces.learn(hostname, clock.now() - begunAt);
      beginWhatMay();
    }
  }

  function ask(hostname: string): Asked {
    let begin = (): void => undefined;
    const answer = new Promise<readonly string[]>((resolve) => {
      begin = () => {
        resolve(lookUp(entry));
      };
    });
    const entry: Asked = { hostname, pace: paces.of(hostname), callers: 0, begin, answer };
    asked.set(hostname, entry);
    ranks[entry.pace]?.line.add(entry);
    beginWhatMay();
    return entry;
  }

  return (hostname, signal) => {
    const entry = asked.get(hostname) ?? ask(hostname);
    entry.callers += 1;
    const leave = (): void => {
      entry.callers -= 1;
      const inLine = entry.callers === 0 && ranks[entry.pace]?.line.delete(entry);
      // One under way keeps its place to its end, so others may still join it.
      if (inLine) asked.delete(hostname);
    };
    signal.addEventListener('abort', leave, { once: true });
    return entry.answer;
  };
}
