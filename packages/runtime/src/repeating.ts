import type { CancelTimer, Clock } from './clock.ts';

export interface Repeating {
  start(): void;
  /** Nothing more begins; what is under way is not waited for. */
  stop(): void;
}

/** Does some work at once and again after each interval, counted from its end: never twice at a time. */
export function createRepeating(deps: {
  clock: Clock;
  intervalMs: number;
  /** Must not reject. */
  work: () => Promise<void>;
}): Repeating {
  const { clock, intervalMs, work } = deps;
  let cancel: CancelTimer | null = null;
  let stopped = false;

  const run = async (): Promise<void> => {
    await work();
    if (!stopped) cancel = clock.after(intervalMs, () => void run());
  };

  return {
    start: () => void run(),
    stop: () => {
      stopped = true;
      cancel?.();
    },
  };
}
