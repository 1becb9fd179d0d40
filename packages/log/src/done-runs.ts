/** Records of a topic-partition that are done one after the other: offsets from `from` up to, without, `to`. */
export interface Run {
  readonly from: number;
  readonly to: number;
}

/** No offset is as large. A time is the length of a last run from here, which nobody who does not know of it misses. */
const TIME_AT = 2 ** 52;
/** What that takes at most: 53 bits and 44, five a character. */
const TIME_CHARS = 20;

/** What is written first says that the text is ours, and how to read it. */
const VERSION = '1:';
/** Six bits a character: five of the number, lowest first, and one for "there is more". Most numbers take one. */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BASE = 32;

/**
 * Ascending runs as text: for each the distance from the one before (the first: from `base`) and the length.
 *
 * @param maxChars a text that would be longer ends before the run with which it is
 * @param at a time (ms since the epoch) that is written with them, however many there are: see `timeAmong`
 */
export function encodeRuns(
  runs: readonly Run[],
  base: number,
  maxChars = Infinity,
  at: number | null = null,
): string {
  const room = maxChars - VERSION.length - (at === null ? 0 : TIME_CHARS);
  let text = '';
  let last = base;
  for (const { from, to } of runs) {
    const one = encodeNumber(from - last) + encodeNumber(to - from);
    if (text.length + one.length > room) break;
    text += one;
    last = to;
  }
  if (at !== null) text += encodeNumber(TIME_AT - last) + encodeNumber(at);
  return text === '' ? '' : VERSION + text;
}

/** None when the text isn't what `encodeRuns` writes: whatever was done is done again then. */
export function decodeRuns(text: string, base: number): Run[] {
  const numbers = text.startsWith(VERSION) ? decodeNumbers(text.slice(VERSION.length)) : null;
  if (numbers === null || numbers.length % 2 !== 0) return [];
  const runs: Run[] = [];
  let last = base;
  for (let at = 0; at < numbers.length; at += 2) {
    const from = last + (numbers[at] ?? 0);
    const to = from + (numbers[at + 1] ?? 0);
    if (to === from || !Number.isSafeInteger(to)) return [];
    runs.push({ from, to });
    last = to;
  }
  return runs;
}

/** The time that was written with runs; null when none was. */
export function timeAmong(runs: readonly Run[]): number | null {
  const last = runs.at(-1);
  return last?.from === TIME_AT ? last.to - TIME_AT : null;
}

/** What of ascending runs lies from `start` up to `end`. */
export function within(runs: readonly Run[], start: number, end: number): Run[] {
  return runs
    .map(({ from, to }) => ({ from: Math.max(from, start), to: Math.min(to, end) }))
    .filter(({ from, to }) => from < to);
}

/** True when every one of these ascending runs lies within one of `all`. */
export function allWithin(runs: readonly Run[], all: readonly Run[]): boolean {
  let at = 0;
  return runs.every(({ from, to }) => {
    while ((all[at]?.to ?? Infinity) < to) at += 1;
    return (all[at]?.from ?? Infinity) <= from;
  });
}

function encodeNumber(number: number): string {
  let text = '';
  for (let left = number; ; left = Math.floor(left / BASE)) {
    const more = left >= BASE;
    text += DIGITS.charAt((left % BASE) + (more ? BASE : 0));
    if (!more) return text;
  }
}

/** Null when the text can't be read. */
function decodeNumbers(text: string): number[] | null {
  const numbers: number[] = [];
  let number = 0;
  let place = 1;
  for (const digit of text) {
    const value = DIGITS.indexOf(digit);
    if (value < 0) return null;
    number += (value % BASE) * place;
    place *= BASE;
    if (value >= BASE) continue;
    if (!Number.isSafeInteger(number)) return null;
    numbers.push(number);
    number = 0;
    place = 1;
  }
  return place === 1 ? numbers : null;
}
