import { cpus, loadavg, totalmem } from 'node:os';
import type { Verdict } from './judge.ts';
import type { K6Run } from './k6.ts';

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const spread = (of: { p50: number; p95: number; p99: number; max: number }): string =>
  `p50 ${ms(of.p50)}, p95 ${ms(of.p95)}, p99 ${ms(of.p99)}, max ${ms(of.max)}`;

export function machineText(): string {
  const load = loadavg().map((value) => value.toFixed(1));
  return `${cpus().length} cores, ${Math.round(totalmem() / 1_073_741_824)} GiB, Node ${process.version}, load average ${load.join(' ')}`;
}

function problemLines(verdict: Verdict): string[] {
  if (verdict.problems.length === 0) return ['  every delivery is where it belongs'];
  return verdict.problems.map(({ what, ids }) => {
    const some =
      ids.length === 0 ? '' : `: ${ids.length} (${ids.slice(0, 3).join(', ')}${ids.length > 3 ? ', …' : ''})`;
    return `  WRONG ${what}${some}`;
  });
}

/** For people. */
export function reportText(run: {
  scenario: string;
  what: string;
  machine: string;
  k6: K6Run;
  verdict: Verdict;
  refused: number;
  unanswered: number;
  settledS: number;
}): string {
  const { k6, verdict } = run;
  const { events_sent, events_accepted, deliveries_promised } = k6.counters;
  const statuses = Object.entries(verdict.statuses).map(([status, count]) => `${status} ${count}`);
  return [
    `${run.scenario}, ${new Date().toISOString().slice(0, 10)}`,
    `  system          ${run.what}`,
    `  machine         ${run.machine}`,
    `  events          sent ${events_sent} = accepted ${events_accepted} + refused ${run.refused} + unanswered ${run.unanswered}; ${k6.dropped} left out by k6; ${k6.seconds.toFixed(0)} s`,
    `  ingest          ${spread(k6.ingest)}`,
    `  deliveries      promised ${deliveries_promised} = ${statuses.join(' + ') || 'none'} (by the API)`,
    `  receiver        ${verdict.arrived} delivered, ${verdict.requests} requests, ${verdict.duplicates} delivered more than once`,
    `  send to arrival ${spread(verdict.latency)} (healthy endpoints)`,
    `  settled         ${run.settledS.toFixed(1)} s after the last event`,
    'thresholds',
    ...k6.thresholds.map(({ name, passed }) => `  ${passed ? 'ok    ' : 'BROKEN'} ${name}`),
    'ledger',
    ...problemLines(verdict),
    '',
  ].join('\n');
}
