// How punctual retries are: many that are parked, many that come due within a second, and what fresh events feel of it.
import { setTimeout as pause } from 'node:timers/promises';
import { startChild } from './child.ts';
import { load } from './load.ts';
import { readOptions } from './options.ts';
import { quantiles, type Quantiles } from './quantiles.ts';
import { arrived, clearSink } from './sink.ts';
import { subscribe } from './subscriptions.ts';
import { distributed, embedded, type SystemUnderTest } from './system.ts';

const HELP = `npm run bench:due -- [options]

  --parked N       retries that wait for an hour meanwhile (default 100000)
  --due N          retries that come due within about a second (default 2000)
  --fresh N        events a second for a healthy endpoint, whose latency is measured (default 200)
  --distributed    a process for each service, over the engines of scripts/stack, instead of one process
  --json           print the figures as JSON as well
`;

const options = readOptions(HELP, { parked: 100_000, due: 2000, fresh: 200 });
const { parked, due, fresh: freshPerS } = options;

/** Jitter adds up to a tenth: what was sent within half a second is due within one. */
const RETRY_DELAY = '5s';
const SEND_S = 0.5;
/** Fresh events are measured for so long, with the retries in the middle of it. */
const FRESH_S = 12;
const BYTES = 1024;

interface Punctuality {
  /** From the due time to the start of the attempt, ms. */
  late: Quantiles & { max: number };
  /** Attempts that began before their time. */
  early: number;
  retries: number;
  /** From the first to the last due time, ms. */
  spreadMs: number;
}

interface AttemptSeen {
  delivery_id: string;
  attempt_number: number;
  started_at: string;
  next_attempt_at: string | null;
}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function send(system: SystemUnderTest, id: string, events: number, rate: number | null, first = 0) {
  const onProgress = (done: number): void => {
    if (rate === null && done % 20_000 === 0) say(`  ${done}/${events} parked`);
  };
  const paths = [`/ingest/${id}`];
  return load({
    ...{ origin: system.ingest, paths, events, bytes: BYTES, concurrency: 64, rate, first, onProgress },
  });
}

/** End to end latency of fresh events, while `beside` goes on. */
async function fresh(system: SystemUnderTest, sink: string, id: string, beside: () => Promise<unknown>) {
  await clearSink(sink);
  const [sent] = await Promise.all([send(system, id, freshPerS * FRESH_S, freshPerS), beside()]);
  const seen = await arrived(sink, sent.accepted, 20);
  if (seen.distinct !== sent.accepted) process.exitCode = 1;
  return { ...seen.latency, missing: sent.accepted - seen.distinct };
}

async function attemptsOf(api: string, id: string): Promise<AttemptSeen[]> {
  const all: AttemptSeen[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const reply = await fetch(`${api}/api/v1/subscriptions/${id}/attempts?limit=100${after}`);
    const page = (await reply.json()) as { data: AttemptSeen[]; next_cursor: string | null };
    all.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}

/** By the log of attempts: when the first one said that the next would be, and when that was. */
async function punctuality(api: string, id: string): Promise<Punctuality> {
  let attempts: AttemptSeen[] = [];
  const giveUpAt = performance.now() + 60_000;
  while (attempts.length < 2 * due && performance.now() < giveUpAt) {
    await pause(1000);
    attempts = await attemptsOf(api, id);
  }
  const dueAt = new Map(
    attempts
      .filter(({ attempt_number }) => attempt_number === 1)
      .map((first) => [first.delivery_id, Date.parse(first.next_attempt_at ?? '')]),
  );
  const late = attempts
    .filter(({ attempt_number }) => attempt_number === 2)
    .map((second) => Date.parse(second.started_at) - (dueAt.get(second.delivery_id) ?? NaN));
  const times = [...dueAt.values()].sort((a, b) => a - b);
  return {
    late: { ...quantiles(late), max: Math.max(...late) },
    early: late.filter((ms) => ms < 0).length,
    retries: late.length,
    spreadMs: (times.at(-1) ?? 0) - (times[0] ?? 0),
  };
}

async function main(): Promise<void> {
  const sink = await startChild('sink-process.cjs');
  const sick = await startChild('sick-process.cjs');
  say(
    options.distributed ? 'Starting every service …' : 'Starting the all-in-one on a fresh data directory …',
  );
  const env = { RETRY_DELAYS: `${RETRY_DELAY},1h` };
  const system = await (options.distributed ? distributed : embedded)(env);
  try {
    const healthy = await subscribe(system.api, `${sink.origin}/hook`);
    const waiting = await subscribe(system.api, `${sick.origin}/never`, { retry_delays: ['1h'] });
    const coming = await subscribe(system.api, `${sick.origin}/second`, { retry_delays: [RETRY_DELAY] });
    say('Warming up …');
    await fresh(system, sink.origin, healthy, () => Promise.resolve());
    say('Fresh events alone …');
    const alone = await fresh(system, sink.origin, healthy, () => Promise.resolve());
    if (parked > 0) say(`Parking ${parked} retries …`);
    await send(system, waiting, parked, null);
    await pause(5000);
    say(`${due} retries within a second, fresh events beside …`);
    const beside = await fresh(system, sink.origin, healthy, async () => {
      await pause(1000);
      await send(system, coming, due, due / SEND_S, 1_000_000);
    });
    const seen = await punctuality(system.api, coming);
    const ms = (value: number): string => `${value.toFixed(1)} ms`;
    process.stdout.write(
      [
        '',
        `${seen.retries} of ${due} retries made, due within ${seen.spreadMs} ms, ${parked} more parked`,
        `  late            p50 ${ms(seen.late.p50)}, p99 ${ms(seen.late.p99)}, at most ${ms(seen.late.max)}`,
        `  early           ${seen.early}`,
        `fresh events, ${freshPerS}/s, end to end`,
        `  alone           p50 ${ms(alone.p50)}, p99 ${ms(alone.p99)}, missing ${alone.missing}`,
        `  beside retries  p50 ${ms(beside.p50)}, p99 ${ms(beside.p99)}, missing ${beside.missing}`,
        '',
      ].join('\n'),
    );
    if (options.json) process.stdout.write(`${JSON.stringify({ ...seen, alone, beside })}\n`);
    if (seen.retries !== due || seen.early > 0) process.exitCode = 1;
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
