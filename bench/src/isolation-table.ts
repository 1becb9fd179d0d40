import { type Quantiles, quantiles } from './quantiles.ts';

/** Of one run. */
export interface Figures {
  what: string;
  sent: number;
  arrived: number;
  /** CPU time of Milena's own processes by the time that the run took: 1 is one core. */
  cores: number;
  /** What a hypervisor gave to others, of all processors together, ms of a second. */
  stolen: number;
  /** Of each event that counts: how long it took, ms. */
  counted: readonly number[];
}

/** What the rounds of one run came to. */
interface Row extends Quantiles {
  what: string;
  sent: number;
  arrived: number;
  /** Median of the rounds. */
  cores: number;
  stolen: number;
  /** Share of the events that count. */
  counted: number;
  /** p99 by that of the runs without, right before each. */
  ratio: number;
  /** The least and the greatest p99 of a round. */
  range: [number, number];
}

/** One run and the run without its neighbour, right before it. */
export interface Pair {
  without: Figures;
  beside: Figures;
}

const median = (numbers: readonly number[]): number => quantiles(numbers).p50;
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
export const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

/** Of the events of all these runs together. */
const together = (runs: readonly Figures[]): Quantiles => quantiles(runs.flatMap((run) => run.counted));

/** Share of their events that counts. */
export const shareCounted = (runs: readonly Figures[]): number =>
  sum(runs.map((run) => run.counted.length)) / Math.max(1, sum(runs.map((run) => run.arrived)));

function rowOf(runs: readonly Figures[], ratio: number): Row {
  const p99s = runs.filter((run) => run.counted.length > 0).map((run) => quantiles(run.counted).p99);
  return {
    what: runs[0]?.what ?? '',
    sent: sum(runs.map((run) => run.sent)),
    arrived: sum(runs.map((run) => run.arrived)),
    ...together(runs),
    cores: median(runs.map((run) => run.cores)),
    stolen: median(runs.map((run) => run.stolen)),
    counted: shareCounted(runs),
    ratio,
    range: [Math.min(...p99s), Math.max(...p99s)],
  };
}

/** First all runs without, then those beside each neighbour. */
export function rowsOf(pairs: readonly (readonly Pair[])[]): Row[] {
  const without = rowOf(
    pairs.flat().map((pair) => pair.without),
    1,
  );
  const beside = pairs.map((rounds) => {
    const runs = rounds.map((pair) => pair.beside);
    const held = together(rounds.map((pair) => pair.without));
    return rowOf(runs, together(runs).p99 / held.p99);
  });
  return [without, ...beside];
}

/** Where no event counts there is nothing to tell. */
const told = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '–';

export function table(rows: readonly Row[], rounds: number): string {
  const line = (what: string, ...cells: string[]): string =>
    `  ${what.padEnd(32)}${cells.map((cell) => cell.padStart(11)).join('')}`;
  return [
    '',
    `end to end, healthy endpoints only, ${rounds} rounds together; p99 ratio: by the runs without a neighbour right before`,
    line(
      '',
      'sent',
      'missing',
      'counted',
      'p50',
      'p99',
      'p99 ratio',
      'p99 from',
      'to',
      'CPU cores',
      'stolen',
    ),
    ...rows.map((row) =>
      line(
        row.what,
        String(row.sent),
        String(row.sent - row.arrived),
        percent(row.counted),
        `${row.p50.toFixed(1)} ms`,
        `${row.p99.toFixed(1)} ms`,
        told(row.ratio, 2),
        ...row.range.map((p99) => told(p99, 1)),
        row.cores.toFixed(2),
        `${row.stolen.toFixed(1)} ms/s`,
      ),
    ),
    '',
  ].join('\n');
}
