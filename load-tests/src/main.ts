// Runs scenarios of k6 against Milena and holds what was accepted against what arrived and what the API says.
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { judge, type Verdict } from './judge.ts';
import { type K6Run, runK6 } from './k6.ts';
import { linesOf } from './lines.ts';
import { type Receiver, remoteReceiver, startReceiver } from './receiver.ts';
import { type Api, createApi, readRecorded, readRepeated } from './recorded.ts';
import { machineText, reportText } from './report.ts';
import type { SystemUnderTest } from './system.ts';
import { readTold, type Told } from './told.ts';

const ROOT = path.resolve(__dirname, '../..');
const SCENARIOS = readdirSync(path.join(ROOT, 'load-tests/k6'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));

const HELP = `npm run load -- SCENARIO… [options]

Scenarios: ${SCENARIOS.join(', ')}.

  --one-process  one process over embedded parts instead of a process for each service over scripts/stack
  --report FILE  appends the report to FILE as well
  --forget N     the receiver forgets the Nth delivery: the run must fail then

API=… INGEST=… RECEIVER=… run it against a Milena that is there already. load-tests/README.md lists every variable.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'one-process': { type: 'boolean', default: false },
    report: { type: 'string' },
    forget: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter((name) => !SCENARIOS.includes(name));
if (values.help || positionals.length === 0 || unknown.length > 0) {
  process.stdout.write(unknown.length > 0 ? `No such scenario: ${unknown.join(', ')}\n\n${HELP}` : HELP);
  process.exit(values.help ? 0 : 1);
}

const env = (name: string, fallback = ''): string => {
  const given = process.env[name];
  return given === undefined || given === '' ? fallback : given;
};
const settleMs = Number(env('SETTLE_S', '60')) * 1000;
const deliveredP99Ms = Number(env('DELIVERED_P99_MS', '1000'));
const mostDuplicates = Number(env('DUPLICATES', 'Infinity'));
const limitMs = Number(env('LIMIT_S', '3600')) * 1000;

/** What k6 is told; thresholds and amounts as the scenario has them unless they are set. */
const FOR_K6 = [
  ...[
    'RATE',
    'DURATION',
    'BYTES',
    'SUBSCRIPTIONS',
    'WARM_UP',
    'P99_MS',
    'DROPPED',
    'REFUSED',
    'PEAK',
    'SICK',
    'FAN_OUT',
  ],
  ...['CRUD_RATE', 'READ_RATE', 'MANAGE_P95_MS', 'READ_P95_MS'],
];

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    say(`${signal}: finishing early.`);
    stopped.abort();
  });
}

function remote(): SystemUnderTest {
  const api = env('API');
  return { what: 'one that was there', api, ingest: env('INGEST', api), stop: () => Promise.resolve() };
}

/** Loaded only here: against a Milena that is there already none of its clients is needed. */
async function local(): Promise<SystemUnderTest> {
  say('Starting Milena …');
  const { distributed, oneProcess } = await import('./system.ts');
  return values['one-process'] ? oneProcess() : distributed();
}

/** The verdict once nothing is wrong any more, or as it stands when the time is up. */
async function verify(
  api: Api,
  receiver: Receiver,
  run: string,
  told: Told,
  k6: K6Run,
): Promise<{ verdict: Verdict; settledS: number }> {
  const startedAt = performance.now();
  for (;;) {
    // In this order: what is recorded by now must have been seen before.
    const recorded = await readRecorded(api, told);
    const seen = await receiver.seen(run);
    const repeated = await readRepeated(api, seen, recorded);
    const verdict = judge({
      told,
      counters: k6.counters,
      seen,
      recorded,
      repeated,
      deliveredP99Ms,
      mostDuplicates,
    });
    const elapsedMs = performance.now() - startedAt;
    const settled = verdict.problems.every(({ ids }) => ids.length === 0);
    if (settled || elapsedMs > settleMs || stopped.signal.aborted) {
      return { verdict, settledS: elapsedMs / 1000 };
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** True when the thresholds held and the books balance. */
async function runScenario(scenario: string, milena: SystemUnderTest, receiver: Receiver): Promise<boolean> {
  const run = randomBytes(4).toString('hex');
  mkdirSync(path.join(ROOT, '.cache/load'), { recursive: true });
  const dir = mkdtempSync(path.join(ROOT, '.cache/load', `${scenario}-`));
  const api = createApi({ api: milena.api, key: env('KEY') });
  const asked = FOR_K6.filter((name) => env(name) !== '').map((name) => [name, env(name)]);
  say(`${scenario} …`);
  const machine = machineText();
  const k6 = await runK6({
    k6: env('K6', 'k6'),
    scenario,
    env: {
      ...Object.fromEntries(asked),
      ...{ API: milena.api, INGEST: milena.ingest, KEY: env('KEY'), RECEIVER: receiver.url },
      ...{ RUN: run, KEEP: '1' },
    },
    dir,
    limitMs,
    signal: stopped.signal,
  });
  const told = readTold(linesOf(readFileSync(k6.facts, 'utf8')));
  const { verdict, settledS } = await verify(api, receiver, run, told, k6);
  for (const id of told.subscriptions.keys()) await api.remove(`/api/v1/subscriptions/${id}`);

  const text = reportText({
    ...{ scenario, what: milena.what, machine, k6, verdict, settledS },
    refused: told.refused.size,
    unanswered: told.unanswered.size,
  });
  writeFileSync(path.join(dir, 'report.txt'), text);
  if (values.report !== undefined) appendFileSync(values.report, `${text}\n`);
  process.stdout.write(`\n${text}`);
  const ok = k6.exitCode === 0 && verdict.problems.length === 0 && !stopped.signal.aborted;
  if (!ok) say(`\n${scenario} failed (k6 ended with ${k6.exitCode}); everything it left is in ${dir}`);
  return ok;
}

async function main(): Promise<void> {
  const milena = env('API') === '' ? await local() : remote();
  try {
    const receiver =
      env('RECEIVER') === ''
        ? await startReceiver({ forget: Number(values.forget) })
        : remoteReceiver(env('RECEIVER'), env('RECEIVER_SEEN', env('RECEIVER').replace(/:\d+$/, ':8091')));
    try {
      for (const scenario of positionals) {
        if (stopped.signal.aborted) break;
        if (!(await runScenario(scenario, milena, receiver))) process.exitCode = 1;
      }
    } finally {
      receiver.stop();
    }
  } finally {
    await milena.stop();
  }
}

main().catch((error: unknown) => {
  say(String(error instanceof Error ? error.stack : error));
  process.exit(1);
});
