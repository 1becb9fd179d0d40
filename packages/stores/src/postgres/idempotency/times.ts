import { timeOf } from '../sql.ts';
import { DAY_MS, dayOf } from './days.ts';

/** A holder that took longer is taken for dead. */
const HOLD_MS = 10_000;

/** What a claim compares with, all from one look at the clock. */
export interface Times {
  nowMs: number;
  now: string;
  today: string;
  /** Where else the key may be: used yesterday, or a moment ago by a process whose clock is past midnight already. */
  otherDays: string[];
  /** A key first used before this is free again. */
  expired: string;
  /** A claim made before this is free for the next. */
  abandoned: string;
}

export function timesAt(nowMs: number): Times {
  return {
    nowMs,
    now: timeOf(nowMs),
    today: dayOf(nowMs),
    otherDays: [dayOf(nowMs - DAY_MS), dayOf(nowMs + DAY_MS)],
    expired: timeOf(nowMs - DAY_MS),
    abandoned: timeOf(nowMs - HOLD_MS),
  };
}

/** One text for scope and key; neither can be mistaken for part of the other. */
export const nameOf = ({ scope, key }: { scope: string; key: string }): string =>
  `${scope.length}:${scope}${key}`;
