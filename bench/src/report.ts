import type { LoadResult } from './load.ts';
import type { Quantiles } from './quantiles.ts';

/** What one process (with those it started) used during a run. */
export interface ProcessCost {
  name: string;
  ours: boolean;
  cpuMs: number;
  /** Resident at the end, MiB. */
  residentMb: number;
}

export interface Measured {
  what: string;
  result: LoadResult;
  /** From the first request until the last event had arrived. */
  seconds: number;
  seen: { distinct: number; repeated: number; latency: Quantiles };
  /** Resident memory (MiB) of our processes together at each tenth of the run. */
  memory: number[];
  costs: ProcessCost[];
  loadCpuMs: number;
}

const perEvent = (cpuMs: number, run: Measured): string =>
  ((cpuMs * 1000) / Math.max(1, run.seen.distinct)).toFixed(0);
const ms = (value: number): string => `${value.toFixed(1)} ms`;
const rounded = (value: number): string => Math.round(value).toLocaleString('en-US');
const ourCpuMs = (run: Measured): number =>
  run.costs.reduce((sum, { ours, cpuMs }) => sum + (ours ? cpuMs : 0), 0);

function costLines(run: Measured): string[] {
  return run.costs.map(
    ({ name, ours, cpuMs, residentMb }) =>
      `    ${`${name}${ours ? '' : ' (engine)'}`.padEnd(22)}${perEvent(cpuMs, run).padStart(5)} µs   ${residentMb.toFixed(0).padStart(5)} MiB`,
  );
}

function lines(run: Measured): string[] {
  const refused = [...run.result.refused].map(([status, count]) => `${count} × ${status}`).join(', ');
  return [
    run.what,
    `  accepted        ${rounded(run.result.accepted)} (${rounded(run.result.accepted / run.result.seconds)}/s)${refused ? `, refused ${refused}` : ''}`,
    `  delivered       ${rounded(run.seen.distinct)} (${rounded(run.seen.distinct / run.seconds)}/s)`,
    `  lost            ${run.result.accepted - run.seen.distinct}`,
    `  duplicated      ${run.seen.repeated}`,
    `  ingest          p50 ${ms(run.result.latency.p50)}, p99 ${ms(run.result.latency.p99)}`,
    `  end to end      p50 ${ms(run.seen.latency.p50)}, p99 ${ms(run.seen.latency.p99)}`,
    `  resident        ${run.memory.map((m) => m.toFixed(0)).join(' → ')} MiB`,
    `  CPU per event   ${perEvent(ourCpuMs(run), run)} µs ours, ${perEvent(run.loadCpuMs, run)} µs load generator`,
    ...costLines(run),
    '',
  ];
}

/** Events per CPU-second of our processes, over several runs. */
const efficiency = (...runs: Measured[]): number =>
  (runs.reduce((sum, run) => sum + run.seen.distinct, 0) * 1000) /
  Math.max(
    1,
    runs.reduce((sum, run) => sum + ourCpuMs(run), 0),
  );

export function report(runs: {
  bound: Measured;
  milena: Measured;
  /** Once more: how fast the machine is changes within a minute, and the run lies between the two. */
  boundAgain: Measured;
  paced: Measured | null;
  rate: number;
  json: boolean;
}): string {
  const bound = efficiency(runs.bound, runs.boundAgain);
  const ratio = efficiency(runs.milena) / bound;
  const text = [
    '',
    ...lines(runs.bound),
    ...lines(runs.milena),
    ...lines(runs.boundAgain),
    ...(runs.paced ? lines({ ...runs.paced, what: `paced at ${rounded(runs.rate)}/s` }) : []),
    `events per CPU-second: bound ${rounded(bound)}, milena ${rounded(efficiency(runs.milena))}`,
    `ratio to the bound:    ${ratio.toFixed(3)}`,
    '',
  ];
  if (runs.json) text.push(JSON.stringify({ ratio, ...runs }), '');
  return text.join('\n');
}
