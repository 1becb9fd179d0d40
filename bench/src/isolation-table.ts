import { quantiles } from './quantiles.ts';

/** Of one run. */
export interface Figures {
  what: string;
  sent: number;
  arrived: number;
  /** Share of what arrived that counts: was sent while nobody else took the machine's time. */
  counted: number;
  /** Of what counts; NaN when nothing does. */
  p50: number;
  p99: number;
  /** CPU time of Milena's own processes by the time that the run took: 1 is one core. */
  cores: number;
  /** What a hypervisor gave to others, of all processors together, ms of a second. */
  stolen: number;
}

/** What the rounds of one run came to: sums of counts, medians of shares and times, the most that was stolen. */
interface Row extends Figures {
  /** Median of each round's p99 by that of the run without, right before it. */
  ratio: number;
  /** The least and the greatest p99. */
  range: [number, number];
}

/** One run and the run without its neighbour, right before it. */
export interface Pair {
  without: Figures;
  beside: Figures;
}

const median = (numbers: readonly number[]): number => quantiles(numbers).p50;

function rowOf(figures: readonly Figures[], ratio: number): Row {
  const sum = (of: (one: Figures) => number): number => figures.reduce((all, one) => all + of(one), 0);
  const p99s = figures.map((one) => one.p99);
  return {
    what: figures[0]?.what ?? '',
    sent: sum((one) => one.sent),
    arrived: sum((one) => one.arrived),
    counted: median(figures.map((one) => one.counted)),
    p50: median(figures.map((one) => one.p50)),
    p99: median(p99s),
    cores: median(figures.map((one) => one.cores)),
    stolen: Math.max(...figures.map((one) => one.stolen)),
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
  const beside = pairs.map((rounds) =>
    rowOf(
      rounds.map((pair) => pair.beside),
      median(rounds.map((pair) => pair.beside.p99 / pair.without.p99)),
    ),
  );
  return [without, ...beside];
}

const COLUMNS = [
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
];

export const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
/** Where nothing counts there is nothing to tell. */
export const told = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '–';

export function table(rows: readonly Row[], rounds: number): string {
  const line = (what: string, ...cells: string[]): string =>
    `  ${what.padEnd(32)}${cells.map((cell) => cell.padStart(11)).join('')}`;
  return [
    '',
    `end to end, healthy endpoints only, medians of ${rounds}, and of every run without a neighbour`,
    line('', ...COLUMNS),
    ...rows.map((row) =>
      line(
        row.what,
        String(row.sent),
        String(row.sent - row.arrived),
        percent(row.counted),
        `${told(row.p50, 1)} ms`,
        `${told(row.p99, 1)} ms`,
        told(row.ratio, 2),
        ...row.range.map((p99) => told(p99, 1)),
        row.cores.toFixed(2),
        `${row.stolen.toFixed(1)} ms/s`,
      ),
    ),
    '',
  ].join('\n');
}
