// How much healthy endpoints suffer from a sick or a busy neighbour: the same load without it and with it, one right after
// the other, several times, in one run of the system.
import { setTimeout as pause } from 'node:timers/promises';
import { startChild } from './child.ts';
import { cpuMsOf } from './cpu.ts';
import { type Figures, type Pair, percent, rowsOf, table, told } from './isolation-table.ts';
import { load } from './load.ts';
import { readOptions } from './options.ts';
import { quantiles } from './quantiles.ts';
import { arrivals, arrived, clearSink } from './sink.ts';
import { watchStolenTime } from './stolen-time.ts';
import { subscribe, unsubscribe } from './subscriptions.ts';
import { distributed, embedded, type SystemUnderTest } from './system.ts';

const HELP = `npm run bench:isolation -- [options]

  --seconds N      length of each run (default 20)
  --rounds N       how often each is run, in turn with the others; figures and ratios are medians (default 3)
  --healthy N      healthy endpoints (default 100)
  --rate N         events a second for each healthy endpoint (default 5)
  --sick-rate N    events a second for the sick or busy one (default 500)
  --distributed    a process for each service, over the engines of scripts/stack, instead of one process
  --json           print the figures as JSON as well

Takes half an hour or more: what a run leaves behind has to end before the next begins, which a hanging endpoint makes a minute.
What a run with a neighbour is held against is the run right before it, for the speed of a machine may change by the minute.
Where the machine is a virtual one, events do not count that were sent while others took its time or in the half second after.
Where that is more than half of a run, it and what it is held against are made again, twice at most.
A disk that stalls decides every p99. With TMPDIR=/dev/shm the data is in memory, and the figures tell of the rest; with
--distributed that does not reach the engines, whose data scripts/stack keeps in .cache/stack/data.
`;

const options = readOptions(HELP, { seconds: 20, rounds: 3, healthy: 100, rate: 5, 'sick-rate': 500 });
const { seconds, rounds, healthy: healthyCount, rate: ratePerS, 'sick-rate': sickRate } = options;

/** Each run once before any counts, this long: what is done for the first time takes longer. */
const WARM_UP_S = 8;
/** At the beginning of each run, after the rest that went before, in which nothing counts. */
const LEAD_IN_S = 2;
/** The share of what arrives in a run that has to count. */
const LEAST_COUNTED = 0.5;
const PAIR_TRIES = 3;
/** What a deleted neighbour left behind is cancelled when it comes due, at most a minute and a bit later. */
const LONGEST_REST_MS = 180_000;
const LOOK_EVERY_MS = 2000;
const BYTES = 1024;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const pathOf = (id: string): string => `/ingest/${id}`;

interface Neighbour {
  targets: readonly string[];
  /** Events a second, in all. */
  rate: number;
  /** Its events go past Milena, to the first target: what sending and answering them costs on the same machine. */
  past?: boolean;
}

interface Run {
  what: string;
  /** Subscriptions whose deliveries are measured. */
  measured: readonly string[];
  neighbour: Neighbour | null;
}

/** Where its events go: to subscriptions made for this run, or to the target itself. */
async function meet(system: SystemUnderTest, { targets, past }: Neighbour) {
  const [target] = targets;
  if (past === true && target !== undefined) {
    const { origin, pathname } = new URL(target);
    return { origin, paths: [pathname], ids: [] };
  }
  const ids = await Promise.all(targets.map((one) => subscribe(system.api, one)));
  return { origin: system.ingest, paths: ids.map(pathOf), ids };
}

async function measure(system: SystemUnderTest, sink: string, run: Run, lengthS: number): Promise<Figures> {
  const { what, measured, neighbour } = run;
  const beside = neighbour && (await meet(system, neighbour));
  await clearSink(sink);
  const send = (origin: string, paths: readonly string[], rate: number) =>
    load({
      origin,
      paths,
      events: Math.round(rate * (LEAD_IN_S + lengthS)),
      bytes: BYTES,
      concurrency: 64,
      rate,
      first: -Math.round(rate * LEAD_IN_S),
    });
  const ours = system.processes.filter((process) => process.ours);
  const cpuBefore = cpuMsOf(ours);
  const watch = watchStolenTime();
  const startedAt = performance.now();
  const [healthy] = await Promise.all([
    send(system.ingest, measured.map(pathOf), measured.length * ratePerS),
    ...(neighbour && beside ? [send(beside.origin, beside.paths, neighbour.rate)] : []),
  ]);
  const seen = await arrived(sink, healthy.accepted, 20);
  const cores = (cpuMsOf(ours) - cpuBefore) / (performance.now() - startedAt);
  const stolen = watch.stop();
  const all = await arrivals(sink);
  const counted = all.filter(([sentAt]) => !stolen.around(sentAt)).map(([, ms]) => ms);
  for (const id of beside?.ids ?? []) await unsubscribe(system.api, id);
  const { p50, p99 } = counted.length === 0 ? { p50: NaN, p99: NaN } : quantiles(counted);
  const missing = healthy.accepted - seen.distinct;
  const figures: Figures = {
    what,
    sent: healthy.accepted,
    arrived: seen.distinct,
    counted: all.length === 0 ? 1 : counted.length / all.length,
    ...{ p50, p99, cores, stolen: stolen.msPerS },
  };
  const some = missing > 0 ? `, ${missing} missing` : '';
  say(`  ${what}: p50 ${told(p50, 1)}, p99 ${told(p99, 1)} ms, ${percent(figures.counted)} counted${some}`);
  if (missing > 0) process.exitCode = 1;
  return figures;
}

interface Ledger {
  until: string;
  in_motion: { queued: number; retrying: number; held: number };
  balanced: boolean;
}

/** Until nothing of what was accepted since then is in motion, for that would count against the next run. */
async function rest(api: string, since: Date): Promise<void> {
  say('    until nothing of it is in motion …');
  const end = new Date().toISOString();
  const givenUpAt = performance.now() + LONGEST_REST_MS;
  while (performance.now() < givenUpAt) {
    await pause(LOOK_EVERY_MS);
    const reply = await fetch(`${api}/api/v1/stats/ledger?since=${since.toISOString()}`);
    // The recorder is behind: nobody can tell.
    if (reply.status === 503) continue;
    if (!reply.ok) throw new Error(`no ledger: ${await reply.text()}`);
    const ledger = (await reply.json()) as Ledger;
    const { queued, retrying, held } = ledger.in_motion;
    if (ledger.until < end || queued + retrying + held > 0) continue;
    if (!ledger.balanced) throw new Error(`the ledger does not balance: ${JSON.stringify(ledger)}`);
    return;
  }
  throw new Error(`what the run left behind is still in motion after ${LONGEST_REST_MS / 1000} s`);
}

/** The same load without and with something beside it. */
interface Group {
  without: Run;
  beside: Run[];
}

function groups(healthy: readonly string[], sick: string): Group[] {
  const half = healthy.slice(0, Math.floor(healthy.length / 2));
  const others = healthy.length - half.length;
  const one = (what: string, path: string): Run => ({
    what,
    measured: healthy,
    neighbour: { targets: [`${sick}/${path}`], rate: sickRate },
  });
  const otherHalf = (what: string, path: string): Run => ({
    what,
    measured: half,
    neighbour: { targets: Array.from({ length: others }, () => `${sick}/${path}`), rate: others * ratePerS },
  });
  return [
    {
      without: { what: 'healthy endpoints alone', measured: healthy, neighbour: null },
      beside: [
        one(`one hanging for 15 s, ${sickRate}/s`, 'hang'),
        one(`one answering 500, ${sickRate}/s`, 'fail'),
        one(`one busy, ${sickRate}/s`, 'ok'),
        {
          what: 'that load past Milena',
          measured: healthy,
          neighbour: { targets: [`${sick}/ok`], rate: sickRate, past: true },
        },
      ],
    },
    {
      without: otherHalf('half, the other half healthy too', 'ok'),
      beside: [
        otherHalf('half, the other half hanging', 'hang'),
        { what: 'half, no other half', measured: half, neighbour: null },
      ],
    },
  ];
}

const shareOf = ({ without, beside }: Pair): number => Math.min(without.counted, beside.counted);

/** A run and what it is held against, until enough of both counts; or of some tries the one of which most does. */
async function pairOf(toItsEnd: (run: Run) => Promise<Figures>, without: Run, run: Run): Promise<Pair> {
  let best: Pair | null = null;
  for (let tries = 1; ; tries += 1) {
    const pair = { without: await toItsEnd(without), beside: await toItsEnd(run) };
    if (best === null || shareOf(pair) > shareOf(best)) best = pair;
    if (shareOf(best) >= LEAST_COUNTED || tries === PAIR_TRIES) return best;
    say(`    others took the machine's time in more than half of a run: once more`);
  }
}

async function main(): Promise<void> {
  const sink = await startChild('sink-process.cjs');
  const sick = await startChild('sick-process.cjs');
  say(
    options.distributed ? 'Starting every service …' : 'Starting the all-in-one on a fresh data directory …',
  );
  const system = await (options.distributed ? distributed() : embedded());
  try {
    const healthy: string[] = [];
    for (let n = 0; n < healthyCount; n += 1)
      healthy.push(await subscribe(system.api, `${sink.origin}/hook`));
    const all = groups(healthy, sick.origin);
    say(`Warming up, ${WARM_UP_S} s each …`);
    const begin = new Date();
    for (const { without, beside } of all)
      for (const run of [without, ...beside]) await measure(system, sink.origin, run, WARM_UP_S);
    await rest(system.api, begin);
    const toItsEnd = async (run: Run): Promise<Figures> => {
      const since = new Date();
      const figures = await measure(system, sink.origin, run, seconds);
      if (run.neighbour !== null && run.neighbour.past !== true) await rest(system.api, since);
      return figures;
    };
    const rows: ReturnType<typeof rowsOf> = [];
    for (const { without, beside } of all) {
      const pairs = beside.map((): Pair[] => []);
      for (let round = 1; round <= rounds; round += 1) {
        say(`Round ${round} of ${rounds}, ${seconds} s each …`);
        for (const [n, run] of beside.entries()) pairs[n]?.push(await pairOf(toItsEnd, without, run));
      }
      rows.push(...rowsOf(pairs));
    }
    process.stdout.write(table(rows, rounds));
    if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  } finally {
    await system.stop();
    sink.child.disconnect();
    sick.child.disconnect();
  }
}

main().catch((error: unknown) => {
  say(String(error instanceof Error ? error.stack : error));
  process.exit(1);
});
