// How much healthy endpoints suffer from a sick or a busy neighbour: the same load with and without it, in one run.
import { parseArgs } from 'node:util';
import { startChild } from './child.ts';
import { load } from './load.ts';
import { arrived, clearSink } from './sink.ts';
import { subscribe, unsubscribe } from './subscriptions.ts';
import { distributed, embedded, type SystemUnderTest } from './system.ts';

const HELP = `npm run bench:isolation -- [options]

  --seconds N      length of each run (default 20)
  --healthy N      healthy endpoints (default 100)
  --rate N         events a second for each healthy endpoint (default 5)
  --sick-rate N    events a second for the sick or busy one (default 500)
  --distributed    a process for each service, over the engines of scripts/stack, instead of one process
  --json           print the figures as JSON as well
`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    healthy: { type: 'string', default: '100' },
    rate: { type: 'string', default: '5' },
    'sick-rate': { type: 'string', default: '500' },
    distributed: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const seconds = Number(values.seconds);
const healthyCount = Number(values.healthy);
const ratePerS = Number(values.rate);
const sickRate = Number(values['sick-rate']);

/** Between runs: what the neighbour left behind is cancelled and gone by then. */
const REST_MS = 3000;
const BYTES = 1024;

interface Figures {
  what: string;
  sent: number;
  arrived: number;
  p50: number;
  p99: number;
}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const pathOf = (id: string): string => `/ingest/${id}`;

interface Run {
  what: string;
  /** Subscriptions whose deliveries are measured. */
  measured: readonly string[];
  neighbour: { targets: readonly string[]; rate: number } | null;
}

async function measure(system: SystemUnderTest, sink: string, run: Run): Promise<Figures> {
  say(`  ${run.what} …`);
  const sick = await Promise.all(
    (run.neighbour?.targets ?? []).map((target) => subscribe(system.api, target)),
  );
  await clearSink(sink);
  const send = (ids: readonly string[], rate: number) =>
    load({
      origin: system.ingest,
      paths: ids.map(pathOf),
      events: Math.round(rate * seconds),
      bytes: BYTES,
      concurrency: 64,
      rate,
      first: 0,
    });
  const [healthy] = await Promise.all([
    send(run.measured, run.measured.length * ratePerS),
    ...(run.neighbour ? [send(sick, run.neighbour.rate)] : []),
  ]);
  const seen = await arrived(sink, healthy.accepted, 20);
  for (const id of sick) await unsubscribe(system.api, id);
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const { p50, p99 } = seen.latency;
  return { what: run.what, sent: healthy.accepted, arrived: seen.distinct, p50, p99 };
}

/** Each group of runs begins with the same load without a neighbour. */
function groups(healthy: readonly string[], sick: string): Run[][] {
  const half = healthy.slice(0, Math.floor(healthy.length / 2));
  const others = healthy.length - half.length;
  const one = (what: string, path: string): Run => ({
    what,
    measured: healthy,
    neighbour: { targets: [`${sick}/${path}`], rate: sickRate },
  });
  return [
    [
      { what: 'healthy endpoints alone', measured: healthy, neighbour: null },
      one(`one hanging for 15 s, ${sickRate}/s`, 'hang'),
      one(`one answering 500, ${sickRate}/s`, 'fail'),
      one(`one busy, ${sickRate}/s`, 'ok'),
    ],
    [
      { what: 'half of the endpoints alone', measured: half, neighbour: null },
      {
        what: 'the other half hanging',
        measured: half,
        neighbour: {
          targets: Array.from({ length: others }, () => `${sick}/hang`),
          rate: others * ratePerS,
        },
      },
    ],
  ];
}

function table(rows: readonly (Figures & { ratio: number })[]): string {
  const line = (what: string, ...cells: string[]): string =>
    `  ${what.padEnd(34)}${cells.map((cell) => cell.padStart(12)).join('')}`;
  return [
    '',
    'end to end, healthy endpoints only',
    line('', 'sent', 'missing', 'p50', 'p99', 'p99 ratio'),
    ...rows.map((row) =>
      line(
        row.what,
        String(row.sent),
        String(row.sent - row.arrived),
        `${row.p50.toFixed(1)} ms`,
        `${row.p99.toFixed(1)} ms`,
        row.ratio.toFixed(2),
      ),
    ),
    '',
  ].join('\n');
}

async function main(): Promise<void> {
  const sink = await startChild('sink-process.cjs');
  const sick = await startChild('sick-process.cjs');
  say(
    values.distributed ? 'Starting every service …' : 'Starting the all-in-one on a fresh data directory …',
  );
  const system = await (values.distributed ? distributed() : embedded());
  try {
    const healthy: string[] = [];
    for (let n = 0; n < healthyCount; n += 1)
      healthy.push(await subscribe(system.api, `${sink.origin}/hook`));
    await measure(system, sink.origin, { what: 'warm-up', measured: healthy, neighbour: null });
    const rows: (Figures & { ratio: number })[] = [];
    for (const runs of groups(healthy, sick.origin)) {
      let alone = NaN;
      for (const run of runs) {
        const figures = await measure(system, sink.origin, run);
        if (run.neighbour === null) alone = figures.p99;
        rows.push({ ...figures, ratio: figures.p99 / alone });
      }
    }
    process.stdout.write(table(rows));
    if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
    if (rows.some((row) => row.arrived !== row.sent)) process.exitCode = 1;
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
