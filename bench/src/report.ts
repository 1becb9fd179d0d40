import type { LoadResult } from './load.ts';
import type { Quantiles } from './quantiles.ts';

export interface Measured {
  what: string;
  result: LoadResult;
  /** From the first request until the last event had arrived. */
  seconds: number;
  seen: { distinct: number; repeated: number; latency: Quantiles };
  /** Resident memory (MiB) of the process at each tenth of the run. */
  memory: number[];
  ownCpuMs: number;
  /** Of the processes it started (the embedded database). */
  childrenCpuMs: number;
  childrenRssMb: number;
  loadCpuMs: number;
}

const perEvent = (cpuMs: number, run: Measured): number => (cpuMs * 1000) / Math.max(1, run.seen.distinct);
const ms = (value: number): string => `${value.toFixed(1)} ms`;
const rounded = (value: number): string => Math.round(value).toLocaleString('en-US');

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
    `  CPU per event   ${perEvent(run.ownCpuMs, run).toFixed(0)} µs own, ${perEvent(run.childrenCpuMs, run).toFixed(0)} µs children, ${perEvent(run.loadCpuMs, run).toFixed(0)} µs load generator`,
    `  resident        ${run.memory.map((m) => m.toFixed(0)).join(' → ')} MiB, children ${run.childrenRssMb.toFixed(0)} MiB`,
    '',
  ];
}

/** Events per CPU-second of the process and what it started. */
const efficiency = (run: Measured): number =>
  (run.seen.distinct * 1000) / Math.max(1, run.ownCpuMs + run.childrenCpuMs);

export function report(runs: {
  bound: Measured;
  milena: Measured;
  paced: Measured | null;
  rate: number;
  json: boolean;
}): string {
  const ratio = efficiency(runs.milena) / efficiency(runs.bound);
  const text = [
    '',
    ...lines(runs.bound),
    ...lines(runs.milena),
    ...(runs.paced ? lines({ ...runs.paced, what: `paced at ${rounded(runs.rate)}/s` }) : []),
    `events per CPU-second: bound ${rounded(efficiency(runs.bound))}, milena ${rounded(efficiency(runs.milena))}`,
    `ratio to the bound:    ${ratio.toFixed(3)}`,
    '',
  ];
  if (runs.json) text.push(JSON.stringify({ ratio, ...runs }), '');
  return text.join('\n');
}
