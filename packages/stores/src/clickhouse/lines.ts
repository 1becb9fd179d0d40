import { wellFormed } from './well-formed.ts';

/** A value of one column in a row to insert. */
export type Cell = string | number | boolean | null | Record<string, string>;

/** Rows in the format JSONCompactEachRow. */
export interface Lines {
  add(row: readonly Cell[]): void;
  /** Takes out what is not wanted, by place in the order of `add`. */
  keep(wanted: (place: number) => boolean): void;
  size(): number;
  bytes(): Buffer;
  /** All that they took up, for other lines once these are not needed any more. */
  memory(): Buffer;
}

const FIRST_BYTES = 64 * 1024;
const NEWLINE = 10;

/**
 * Only one row at a time is text: thousands of them in memory at once would make collections long.
 * @param memory of former lines: some MB anew for every batch bring full collections about
 */
export function createLines(memory: Buffer = Buffer.allocUnsafe(FIRST_BYTES)): Lines {
  let buffer: Buffer = memory;
  let length = 0;
  /** Where each line ends. */
  let ends: number[] = [];
  return {
    add: (row) => {
      const line = stringifyRow(row);
      // As UTF-8 a unit of text takes three bytes at most.
      const most = length + 3 * line.length + 1;
      if (most > buffer.length) {
        const larger = Buffer.allocUnsafe(2 * most);
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      length += buffer.write(line, length);
      buffer[length] = NEWLINE;
      length += 1;
      ends.push(length);
    },
    keep: (wanted) => {
      const kept: number[] = [];
      let start = 0;
      length = 0;
      ends.forEach((end, place) => {
        if (wanted(place)) {
          buffer.copyWithin(length, start, end);
          length += end - start;
          kept.push(length);
        }
        start = end;
      });
      ends = kept;
    },
    size: () => ends.length,
    bytes: () => buffer.subarray(0, length),
    memory: () => buffer,
  };
}

/** ClickHouse refuses a row with half a surrogate pair, which a cut reply or a log record may hold. */
function stringifyRow(row: readonly Cell[]): string {
  const line = JSON.stringify(row);
  return line.includes('\\ud') ? JSON.stringify(wellFormed(row)) : line;
}
