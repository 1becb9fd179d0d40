import { stolenMs } from './cpu.ts';
import { now } from './machine-clock.ts';

const LOOK_EVERY_MS = 100;
/**
 * The kernel tells of stolen time in steps of 10 ms. One that follows another within so long is of what was stolen in between,
 * 3 ms of a second or more: with 4 of them p99 was a third higher, with 33 twice as high.
 */
const LONGEST_STEP_MS = 3000;
/** For so long after it what had to wait is worked off. */
const AFTERMATH_MS = 500;

/** When a hypervisor gave this machine's time to others; never, where it is not told. */
interface StolenTime {
  /** Of all processors together, ms of a second. */
  msPerS: number;
  /** Whether 3 ms of a second or more were stolen around this moment of the machine's clock, or just before. */
  around(at: number): boolean;
}

/** Looks until it is stopped. */
export function watchStolenTime(): { stop(): StolenTime } {
  const begin = { at: now(), stolen: stolenMs() };
  const thefts: { from: number; to: number }[] = [];
  let last = begin;
  let toldAt = -Infinity;
  const look = (): void => {
    const next = { at: now(), stolen: stolenMs() };
    if (next.stolen > last.stolen) {
      const from = next.at - toldAt < LONGEST_STEP_MS ? toldAt : last.at - LOOK_EVERY_MS;
      thefts.push({ from, to: next.at + AFTERMATH_MS });
      toldAt = next.at;
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
