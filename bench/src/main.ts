// Pushes events through a running Milena to a local sink, and the same load through the bound, in one run.
import { startChild } from './child.ts';
import { usage } from './cpu.ts';
import { type LoadResult, load } from './load.ts';
import { readOptions } from './options.ts';
import { type Measured, type ProcessCost, report } from './report.ts';
import { arrived, clearSink } from './sink.ts';
import { subscribe } from './subscriptions.ts';
import { type Counted, distributed, embedded } from './system.ts';

const HELP = `npm run bench -- [options]

  --events N       events to push through (default 20000)
  --bytes N        size of one event (default 1024)
  --subscriptions N  they are spread over so many subscriptions (default 20)
  --concurrency N  requests under way at once (default 64)
  --paced N        events of a second, paced run at half the speed, for latencies (default 5000; 0 = none)
  --distributed    a process for each service, over the engines of scripts/stack, instead of one process
  --json           print the figures as JSON as well
`;

const options = readOptions(HELP, {
  events: 20_000,
  bytes: 1024,
  subscriptions: 20,
  concurrency: 64,
  paced: 5000,
});
const { events, bytes, concurrency, paced } = options;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
/** Until the code is compiled as it is in a process that has been running for a while: some four seconds. */
const WARM_UP_EVENTS = 20_000;

/** One run of load against `origin`, with the CPU time that the processes took until every event had arrived. */
async function measure(
  what: string,
  options: {
    origin: string;
    paths: string[];
    processes: readonly Counted[];
    sink: string;
    events: number;
    rate: number | null;
    settleMs: number;
  },
): Promise<Measured> {
  const { processes } = options;
  await clearSink(options.sink);
  const before = processes.map(({ pid }) => usage(pid).cpuMs);
  const beforeLoad = process.cpuUsage();
  const startedAt = performance.now();
  const memory: number[] = [];
  const step = Math.max(1, Math.floor(options.events / 10));
  const result: LoadResult = await load({
    origin: options.origin,
    paths: options.paths,
    events: options.events,
    bytes,
    concurrency,
    rate: options.rate,
    first: 0,
    onProgress: (done) => {
      if (done % step !== 0) return;
      const resident = processes.filter(({ ours }) => ours).map(({ pid }) => usage(pid).rssMb);
      memory.push(resident.reduce((sum, mb) => sum + mb, 0));
      say(`  ${what}: ${done}/${options.events} sent, ${Math.round(memory.at(-1) ?? 0)} MiB resident`);
    },
  });
  const seen = await arrived(options.sink, result.accepted, 60);
  const seconds = (performance.now() - startedAt) / 1000;
  // What the recorder still has to write belongs to the cost of these events.
  await new Promise((resolve) => setTimeout(resolve, options.settleMs));
  const used = process.cpuUsage(beforeLoad);
  const costs: ProcessCost[] = processes.map((counted, index) => {
    const after = usage(counted.pid);
    const cpuMs = after.cpuMs - (before[index] ?? 0);
    return { name: counted.name, ours: counted.ours, cpuMs, residentMb: after.rssMb };
  });
  return { what, result, seconds, seen, memory, costs, loadCpuMs: (used.user + used.system) / 1000 };
}

async function main(): Promise<void> {
  const sink = await startChild('sink-process.cjs');
  const bound = await startChild('bound-process.cjs', `${sink.origin}/hook`);
  say(
    options.distributed ? 'Starting every service …' : 'Starting the all-in-one on a fresh data directory …',
  );
  const milena = await (options.distributed ? distributed() : embedded());
  try {
    const ids: string[] = [];
    for (let i = 0; i < options.subscriptions; i += 1)
      ids.push(await subscribe(milena.api, `${sink.origin}/hook`));
    const paths = ids.map((id) => `/ingest/${id}`);
    const boundTarget = {
      origin: bound.origin,
      paths: ['/hook'],
      processes: [{ name: 'bound', pid: bound.child.pid ?? 0, ours: true }],
      sink: sink.origin,
      settleMs: 0,
    };
    const target = {
      origin: milena.ingest,
      paths,
      processes: milena.processes,
      sink: sink.origin,
      settleMs: 3000,
    };

    say('Warming up …');
    await measure('warm-up', { ...boundTarget, events: WARM_UP_EVENTS, rate: null });
    await measure('warm-up', { ...target, events: WARM_UP_EVENTS, rate: null });

    const ofBound = await measure('bound', { ...boundTarget, events, rate: null });
    const ofMilena = await measure('milena', { ...target, events, rate: null });
    const again = await measure('bound again', { ...boundTarget, events, rate: null });
    const rate = ofMilena.result.accepted / ofMilena.seconds / 2;
    const ofPaced = paced > 0 ? await measure('paced', { ...target, events: paced, rate }) : null;
    process.stdout.write(
      report({
        bound: ofBound,
        milena: ofMilena,
        boundAgain: again,
        paced: ofPaced,
        rate,
        json: options.json,
      }),
    );
    const lost = ofMilena.result.accepted - ofMilena.seen.distinct;
    if (lost !== 0 || ofMilena.seen.repeated !== 0) process.exitCode = 1;
  } finally {
    await milena.stop();
    bound.child.disconnect();
    sink.child.disconnect();
  }
}

main().catch((error: unknown) => {
  say(String(error instanceof Error ? error.stack : error));
  process.exit(1);
});
