// Writes the tables of docs/capacity.md from the unit costs and assumptions below; `--check` only compares. Part of
// `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import prettier from 'prettier';
import { ROOT } from './lib.mjs';

/** Measured; docs/capacity.md says how. */
const MEASURED = {
  // µs of CPU per event with one attempt, at as many events a second as two busy cores take.
  cpuUs: { ingest: 67, delivery: 82, recorder: 36, kafka: 50, clickhouse: 27, postgres: 1, redis: 1 },
  // µs per event of everything together by events per second: batches are small when traffic is thin.
  cpuUsUpTo: [
    [10, 12_700],
    [100, 4400],
    [500, 1200],
    [Infinity, 264],
  ],
  // Bytes. A record of `deliveries` beyond its payload, and a record of `delivery-log`.
  recordOverhead: 330,
  logRecord: 1085,
  // Bytes on disk of a row beyond its payload, and of the payload's own: text that hardly compresses.
  eventRowOverhead: 26,
  payloadOnDisk: 0.76,
  attemptRow: 72,
  deadLetterOverhead: 782,
  // Events a second of one process with embedded parts on two busy cores.
  oneProcessPerS: 9200,
};

/** Assumed: round numbers, to be replaced by one's own. */
const ASSUMED = {
  attemptsPerEvent: 1.2,
  use: 0.5,
  endpointLatencyS: 0.3,
  workerConcurrency: 512,
  replication: 3,
  followerShare: 0.5,
  logRetentionDays: 7,
  historyHours: 76,
  historyReplicas: 1,
  deadLetterShare: 0.001,
  deadLetterDays: 30,
  peakOverAverage: 10,
  wireOverhead: 700,
  price: { vcpuHour: 0.03, gbHour: 0.004, diskGbMonth: 0.1, egressGb: 0.08 },
};

const DAY_S = 86_400;
const MONTH_DAYS = 30;
const MONTH_HOURS = 730;
const GB = 1e9;
const PARTITION_STEP = 12;
const whole = (value) => Math.round(value).toLocaleString('en-US');
const short = (value) => (value >= 100 ? whole(value) : value.toPrecision(2));
const dollars = (value) => (value >= 10 ? `$${whole(value)}` : `$${value.toFixed(value < 0.1 ? 3 : 2)}`);

/** Bytes of one event of `bytes` with its attempts, on its way and afterwards. */
function bytesOf(bytes) {
  const { attemptsPerEvent: attempts, deadLetterShare } = ASSUMED;
  // The first record, one more for each retry, and one log entry for each attempt.
  const kafka = (bytes + MEASURED.recordOverhead) * attempts + MEASURED.logRecord * attempts;
  const history = MEASURED.eventRowOverhead + MEASURED.payloadOnDisk * bytes + MEASURED.attemptRow * attempts;
  const deadLetter = (bytes + MEASURED.deadLetterOverhead) * deadLetterShare;
  const egress = (bytes + ASSUMED.wireOverhead) * attempts;
  return { kafka, history, deadLetter, egress };
}

/** GB at rest of `perS` events a second. */
function storage(perS, bytes, { replication = 1, historyReplicas = 1 } = {}) {
  const of = bytesOf(bytes);
  return {
    kafka: (perS * of.kafka * ASSUMED.logRetentionDays * DAY_S * replication) / GB,
    history: (perS * of.history * ASSUMED.historyHours * 3600 * historyReplicas) / GB,
    deadLetters: (perS * of.deadLetter * ASSUMED.deadLetterDays * DAY_S) / GB,
  };
}

function sizeFor(perS) {
  const { attemptsPerEvent: attempts, use, replication, followerShare } = ASSUMED;
  const cores = (us) => (perS * us) / 1e6 / use;
  const pods = (need) => Math.max(2, Math.ceil(need));
  const inFlight = perS * attempts * ASSUMED.endpointLatencyS;
  const delivery = pods(
    Math.max(cores(MEASURED.cpuUs.delivery * attempts), inFlight / (ASSUMED.workerConcurrency * use)),
  );
  const recorder = pods(cores(MEASURED.cpuUs.recorder * attempts));
  const followers = 1 + (replication - 1) * followerShare;
  const disk = storage(perS, 1024, ASSUMED);
  return {
    ingest: pods(cores(MEASURED.cpuUs.ingest)),
    delivery,
    recorder,
    partitions: Math.ceil((2 * Math.max(delivery, recorder)) / PARTITION_STEP) * PARTITION_STEP,
    inFlight,
    kafkaCores: cores(MEASURED.cpuUs.kafka * attempts * followers),
    clickhouseCores: cores(MEASURED.cpuUs.clickhouse * attempts) * ASSUMED.historyReplicas,
    logMbPerS: (perS * bytesOf(1024).kafka) / 1e6,
    disk,
  };
}

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function unitTable() {
  const { cpuUs } = MEASURED;
  const ours = cpuUs.ingest + cpuUs.delivery + cpuUs.recorder;
  const engines = cpuUs.kafka + cpuUs.clickhouse + cpuUs.postgres + cpuUs.redis;
  const rows = Object.entries(cpuUs).map(([name, us]) => [name, String(us), whole(1e6 / us)]);
  return table(
    ['part', 'µs per event', 'events per core and second'],
    [
      ...rows,
      ['services together', String(ours), whole(1e6 / ours)],
      ['all together', String(ours + engines), whole(1e6 / (ours + engines))],
    ],
  );
}

function sizeTable() {
  const rates = [10, 1000, 50_000];
  const sizes = rates.map(sizeFor);
  const row = (what, of) => [what, ...sizes.map((size) => of(size))];
  return table(
    ['', ...rates.map((rate) => `${whole(rate)}/s`)],
    [
      row('ingest pods', (s) => s.ingest),
      row('delivery pods', (s) => s.delivery),
      row('recorder pods', (s) => s.recorder),
      row('subscriptions pods', () => 2),
      row('partitions (`KAFKA_PARTITIONS`)', (s) => s.partitions),
      row('attempts under way', (s) => whole(s.inFlight)),
      row('Kafka, cores over all brokers', (s) => short(s.kafkaCores)),
      row('ClickHouse, cores over all replicas', (s) => short(s.clickhouseCores)),
      row('written to Kafka, MB/s before replication', (s) => short(s.logMbPerS)),
      row('Kafka disk, GB', (s) => short(s.disk.kafka)),
      row('ClickHouse disk, GB', (s) => short(s.disk.history)),
      row('Postgres, dead letters, GB', (s) => short(s.disk.deadLetters)),
    ],
  );
}

const machine = ({ vcpu, gb, diskGb }) =>
  (vcpu * ASSUMED.price.vcpuHour + gb * ASSUMED.price.gbHour) * MONTH_HOURS +
  diskGb * ASSUMED.price.diskGbMonth;
const ONE_MACHINE = { vcpu: 2, gb: 4, diskGb: 20 };
const THREE_NODES = { vcpu: 12, gb: 48, diskGb: 300 };

function costRow({ label, perMonth, bytes }) {
  const perS = perMonth / MONTH_DAYS / DAY_S;
  const peak = perS * ASSUMED.peakOverAverage;
  const [, us] = MEASURED.cpuUsUpTo.find(([limit]) => perS <= limit);
  const cpuHours = (perMonth * us * ASSUMED.attemptsPerEvent) / 1e6 / 3600;
  const disk = storage(perS, bytes);
  const diskGb = disk.kafka + disk.history + disk.deadLetters;
  const egressGb = (perMonth * bytesOf(bytes).egress) / GB;
  const { price } = ASSUMED;
  const marginal = cpuHours * price.vcpuHour + diskGb * price.diskGbMonth + egressGb * price.egressGb;
  const fits = peak < MEASURED.oneProcessPerS * ASSUMED.use;
  const moving = egressGb * price.egressGb;
  const more = Math.max(0, diskGb - ONE_MACHINE.diskGb) * price.diskGbMonth;
  const replicated = storage(perS, bytes, ASSUMED);
  const allGb = replicated.kafka + replicated.history + replicated.deadLetters;
  const moreNodes = Math.max(0, allGb - THREE_NODES.diskGb) * price.diskGbMonth;
  return [
    label,
    short(perS),
    short(peak),
    short(cpuHours),
    short(diskGb),
    short(egressGb),
    dollars(marginal),
    fits ? dollars(machine(ONE_MACHINE) + more + moving) : 'too small',
    dollars(machine(THREE_NODES) + moreNodes + moving),
  ];
}

function costTable() {
  const loads = [
    { label: '5,000 a day, 1 KB', perMonth: 5000 * MONTH_DAYS, bytes: 1024 },
    { label: '100,000 a day, 5 KB', perMonth: 100_000 * MONTH_DAYS, bytes: 5120 },
    { label: '1 M a month, 1 KB', perMonth: 1e6, bytes: 1024 },
    { label: '10 M a month, 1 KB', perMonth: 1e7, bytes: 1024 },
    { label: '100 M a month, 1 KB', perMonth: 1e8, bytes: 1024 },
  ];
  const columns = ['events', 'per s', 'peak', 'CPU hours', 'disk, GB', 'out, GB', 'what they use'];
  return table([...columns, 'one machine', 'three nodes'], loads.map(costRow));
}

function assumptionTable() {
  const { price } = ASSUMED;
  return table(
    ['assumed', 'value'],
    [
      ['attempts per event', ASSUMED.attemptsPerEvent],
      ['use of a core or of a worker’s places that is planned for', `${ASSUMED.use * 100} %`],
      ['endpoints answer after, on average', `${ASSUMED.endpointLatencyS * 1000} ms`],
      ['`WORKER_CONCURRENCY`', ASSUMED.workerConcurrency],
      ['copies in Kafka; what a copy costs a broker beside a first write', `${ASSUMED.replication}; half`],
      ['retention of topics', `${ASSUMED.logRetentionDays} days`],
      [
        'history: 72 h and a partition of 4 h; replicas',
        `${ASSUMED.historyHours} h; ${ASSUMED.historyReplicas}`,
      ],
      [
        'dead letters; kept',
        `${ASSUMED.deadLetterShare * 100} % of the events; ${ASSUMED.deadLetterDays} days`,
      ],
      ['busiest second over the average', `× ${ASSUMED.peakOverAverage}`],
      ['bytes of an attempt on the wire beside the payload', ASSUMED.wireOverhead],
      ['a vCPU for an hour', `$${price.vcpuHour}`],
      ['a GB of memory for an hour', `$${price.gbHour}`],
      ['a GB of disk for a month', `$${price.diskGbMonth}`],
      ['a GB out to the internet', `$${price.egressGb}`],
      ['one machine', `${ONE_MACHINE.vcpu} vCPU, ${ONE_MACHINE.gb} GB, ${ONE_MACHINE.diskGb} GB of disk`],
      [
        'three nodes, together',
        `${THREE_NODES.vcpu} vCPU, ${THREE_NODES.gb} GB, ${THREE_NODES.diskGb} GB of disk`,
      ],
    ],
  );
}

const TABLES = { units: unitTable, assumptions: assumptionTable, sizes: sizeTable, costs: costTable };

const file = path.join(ROOT, 'docs/capacity.md');
const before = readFileSync(file, 'utf8');
let text = before;
for (const [name, make] of Object.entries(TABLES)) {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/capacity.md has no place for the table ${name}`);
  text = `${text.slice(0, from + begin.length)}\n\n${make()}\n\n${text.slice(to)}`;
}
const after = await prettier.format(text, { ...(await prettier.resolveConfig(file)), parser: 'markdown' });
if (after === before) process.exit(0);
if (process.argv.includes('--check')) {
  console.error('docs/capacity.md: its tables are not what scripts/capacity.mjs computes; run: npm run docs');
  process.exit(1);
}
writeFileSync(file, after);
console.log('docs/capacity.md: tables written.');
