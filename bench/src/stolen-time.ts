import { stolenMs } from './cpu.ts';
import { now } from './machine-clock.ts';

/** Some clock ticks of /proc, so that a look shows when one was stolen. */
const LOOK_EVERY_MS = 100;
/** For so long after it what had to wait is worked off. */
const AFTERMATH_MS = 500;

/** When a hypervisor gave this machine's time to others; never, where it is not told. */
interface StolenTime {
  /** Of all processors together, ms of a second. */
  msPerS: number;
  /** Whether time was stolen around this moment of the machine's clock, or just before. */
  around(at: number): boolean;
}

/** Looks until it is stopped. */
export function watchStolenTime(): { stop(): StolenTime } {
  const begin = { at: now(), stolen: stolenMs() };
  const thefts: { from: number; to: number }[] = [];
  let last = begin;
  const look = (): void => {
    const next = { at: now(), stolen: stolenMs() };
    if (next.stolen > last.stolen) {
      // The kernel tells of it with the tick that follows, which may be in the next look.
      thefts.push({ from: last.at - LOOK_EVERY_MS, to: next.at + AFTERMATH_MS });
    }
    last = next;
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return {
        msPerS: ((last.stolen - begin.stolen) * 1000) / (last.at - begin.at),
        around: (at) => thefts.some(({ from, to }) => at >= from && at < to),
      };
    },
  };
}
