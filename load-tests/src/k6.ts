import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Counters } from './judge.ts';

const SCRIPTS = path.resolve(__dirname, '../k6');

/** What k6 wrote, and how it ended. */
export interface K6Run {
  /** 0: every threshold passed; 99: one did not; anything else: it could not run. */
  exitCode: number;
  counters: Counters;
  thresholds: { name: string; passed: boolean }[];
  /** ms. */
  ingest: { p50: number; p95: number; p99: number; max: number };
  dropped: number;
  seconds: number;
  /** Lines told, what k6 printed. */
  facts: string;
  printed: string;
}

interface Metric {
  count?: number;
  med?: number;
  'p(95)'?: number;
  'p(99)'?: number;
  max?: number;
  /** By threshold; true when it was broken. */
  thresholds?: Record<string, boolean>;
}

/**
 * Runs one scenario. Files go to `dir`.
 *
 * @throws Error when k6 ended without a summary, or took longer than `limitMs` and was killed
 */
export async function runK6(options: {
  k6: string;
  scenario: string;
  env: Record<string, string>;
  dir: string;
  limitMs: number;
  /** k6 finishes early when this is aborted, and what was sent until then is verified. */
  signal: AbortSignal;
}): Promise<K6Run> {
  const { dir } = options;
  const [facts, summary, printed] = ['facts.ndjson', 'summary.json', 'k6.txt'].map((name) =>
    path.join(dir, name),
  ) as [string, string, string];
  const startedAt = performance.now();
  const exitCode = await spawnK6(options, printed, [
    ...['run', '--no-usage-report', '--address', '', '--quiet', '--no-color'],
    ...['--summary-trend-stats', 'med,p(95),p(99),max', '--summary-export', summary],
    ...['--console-output', facts, '--log-format', 'raw'],
    path.join(SCRIPTS, `${options.scenario}.ts`),
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  const metrics = metricsOf(summary, printed);
  const count = (name: string): number => metrics[name]?.count ?? 0;
  const ingest = metrics['http_req_duration{name:ingest}'] ?? {};
  return {
    exitCode,
    counters: {
      events_sent: count('events_sent'),
      events_accepted: count('events_accepted'),
      deliveries_promised: count('deliveries_promised'),
    },
    thresholds: Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
      Object.entries(thresholds).map(([rule, broken]) => ({ name: `${metric}: ${rule}`, passed: !broken })),
    ),
    ingest: {
      p50: ingest.med ?? 0,
      p95: ingest['p(95)'] ?? 0,
      p99: ingest['p(99)'] ?? 0,
      max: ingest.max ?? 0,
    },
    dropped: count('dropped_iterations'),
    seconds,
    facts,
    printed,
  };
}

function metricsOf(summary: string, printed: string): Record<string, Metric> {
  try {
    return (JSON.parse(readFileSync(summary, 'utf8')) as { metrics: Record<string, Metric> }).metrics;
  } catch {
    throw new Error(`k6 ended without a summary:\n${readFileSync(printed, 'utf8').slice(-4000)}`);
  }
}

function spawnK6(
  { k6, env, limitMs, signal }: Parameters<typeof runK6>[0],
  printed: string,
  args: string[],
): Promise<number> {
  const child = spawn(k6, args, {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C is for the runner to pass on, once.
    detached: true,
  });
  const output = createWriteStream(printed);
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`k6 took longer than ${limitMs / 1000} s and was killed`));
    }, limitMs);
    const interrupt = (): void => {
      child.kill('SIGINT');
    };
    signal.addEventListener('abort', interrupt);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      signal.removeEventListener('abort', interrupt);
      output.end(() => {
        resolve(code ?? 1);
      });
    });
  });
}
