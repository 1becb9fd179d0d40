// The whole of docker-compose.yml, proved on any Docker engine: built from a clean clone, all healthy, the README's curls
// work, nothing is lost while workers come and go under load, and `down` and `up` keep the data.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkAttempts, checkRepeats, history, startLoad } from './compose-smoke-load.mjs';
import { call, check, makeCompose, makeEnvironment, say, sleep, until } from './compose-smoke-tools.mjs';
import { ROOT } from './lib.mjs';

const USAGE = `scripts/compose-smoke [options]
  --here          build the working tree; without it a fresh clone of HEAD
  --events N      events under load at least, 3000 unless given
  --rate N        events per second, 100 unless given
  --keep          leave everything running
  --project NAME  of docker compose, milena-smoke unless given`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      here: { type: 'boolean', default: false },
      events: { type: 'string', default: '3000' },
      rate: { type: 'string', default: '100' },
      keep: { type: 'boolean', default: false },
      project: { type: 'string', default: 'milena-smoke' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  return { ...values, events: Number(values.events), rate: Number(values.rate) };
}

/** Every container as compose sees it; one JSON a line, or one list, as its version has it. */
async function containers(compose) {
  const text = (await compose('ps', '--all', '--format', 'json')).trim();
  return text.startsWith('[') ? JSON.parse(text) : text.split('\n').map((line) => JSON.parse(line));
}

async function allHealthy(compose, workers = 1) {
  const wanted = (await compose('config', '--services')).trim().split('\n');
  const found = await containers(compose);
  const sick = found
    .filter(({ Health }) => Health !== 'healthy')
    .map(({ Name, State }) => `${Name} ${State}`);
  check(sick.length === 0, `every container is healthy${sick.length ? `, but not ${sick.join(', ')}` : ''}`);
  const missing = wanted.filter((service) => !found.some(({ Service }) => Service === service));
  const missed = missing.length ? `, but there is no ${missing.join(', ')}` : '';
  check(missing.length === 0, `each of the ${wanted.length} services has a container${missed}`);
  check(
    found.filter(({ Service }) => Service === 'delivery').length === workers,
    `delivery runs ${workers} times`,
  );
}

/** The curls of the README's section on Docker, as a reader runs them. */
async function readmeCurls(tree, { api, ingest, demo, env }) {
  const section = /\n## With Docker\n([\s\S]*?)\n## /.exec(
    readFileSync(path.join(tree, 'README.md'), 'utf8'),
  )?.[1];
  const blocks = [...(section ?? '').matchAll(/```console\n([\s\S]*?)```/g)].map(([, text]) => text);
  const script = blocks
    .filter((text) => text.includes('curl'))
    .join('\n')
    .replaceAll('http://127.0.0.1:8080', api)
    .replaceAll('http://127.0.0.1:8081', ingest)
    .replaceAll('http://127.0.0.1:8090', demo);
  const { status, stdout, stderr } = spawnSync('bash', ['-euc', `${script}\necho; echo "SUB=$SUB"`], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  check(
    status === 0 && stdout.includes('"status":"queued"'),
    `the README's curls are answered ${stderr}`.trim(),
  );
  const id = /SUB=([0-9a-f-]{36})/.exec(stdout)?.[1];
  await until('the event of the README', 30, async () => {
    const { data } = await call(`${api}/api/v1/subscriptions/${id}/attempts`);
    return data.some(({ outcome }) => outcome === 'success') ? true : null;
  });
  const { data } = await call(`${demo}/?path=/ok`);
  check(data.length === 1 && data[0].body === '{"order":42}', 'its event arrived, once, byte for byte');
}

async function subscribe(api, target) {
  return call(`${api}/api/v1/subscriptions`, { target_url: target, metadata: { made_by: 'compose-smoke' } });
}

async function query(url, expression) {
  const { data } = await call(`${url('PROMETHEUS')}/api/v1/query?query=${encodeURIComponent(expression)}`);
  return data.result;
}

async function scaleUnderLoad(compose, place, options) {
  const { api, ingest, demo, url } = place;
  // A subscription stays on one partition: this many are spread over all of them, and so over all workers.
  const subscriptions = [];
  for (let n = 0; n < 24; n++) subscriptions.push(await subscribe(api, 'http://demo-receiver:8090/ok/load'));
  const load = startLoad(ingest, subscriptions, options.rate);
  const scale = async (workers) => {
    await compose(...'up --detach --no-build --no-recreate --wait --scale'.split(' '), `delivery=${workers}`);
    say(`delivery=${workers}, ${load.sent()} events sent`);
  };
  await sleep(3000);
  await scale(3);
  await until('three workers at work, seen by Prometheus', 90, async () => {
    const busy = await query(url, 'rate(milena_attempts_total{outcome="success"}[20s]) > 0');
    return busy.length === 3 ? true : null;
  });
  check(true, 'three workers share the deliveries');
  await allHealthy(compose, 3);
  const count = `${demo}/count?path=/ok/load`;
  const repeats = ({ requests, distinct }) => requests - distinct;
  const joining = repeats(await call(count));
  await scale(1);
  await until('enough events', 600, async () => (load.sent() >= options.events ? true : null));
  const { accepted, refused } = await load.stop();
  check(refused.length === 0, `${accepted.length} events accepted, none refused ${refused[0] ?? ''}`.trim());

  await until('every event at the receiver', 120, async () => {
    const { distinct } = await call(count);
    if (distinct < accepted.length) throw new Error(`${distinct} of ${accepted.length} arrived`);
    return true;
  });
  await sleep(5000); // a repeat would come about now
  const counts = await call(count);
  check(counts.distinct === accepted.length, `all ${counts.distinct} arrived, and nothing else`);
  checkRepeats(joining, repeats(counts) - joining, options.rate);
  const told = await until('the whole history', 60, async () => {
    const all = await history(api, subscriptions);
    const open = accepted.filter((id) => all.get(id)?.status !== 'delivered');
    if (open.length > 0) throw new Error(`${open.length} are not told as delivered, for example ${open[0]}`);
    return all;
  });
  check(told.size === accepted.length, 'the history tells each of them as delivered, by id');
  await checkAttempts(api, subscriptions, counts.requests);
  return { subscriptions, told };
}

/** What was accepted before `down` and not yet attempted is delivered after `up`; what was stored is still there. */
async function keepData(compose, place, { subscriptions, told }) {
  const { api, ingest, demo, url } = place;
  const waiting = await subscribe(api, 'http://demo-receiver:8090/ok/kept');
  await compose('stop', 'delivery');
  const replies = [];
  for (let n = 0; n < 50; n++) replies.push(await call(`${ingest}/ingest/${waiting.id}`, { n }));
  say('delivery stopped, 50 events accepted that nobody attempts; down');
  await compose('down');
  check((await compose('ps', '--all', '--quiet')).trim() === '', 'down leaves no container');
  await compose('up', '--detach', '--no-build', '--wait');
  say('up again');
  await allHealthy(compose);

  const [subscription] = subscriptions;
  const after = await call(`${api}/api/v1/subscriptions/${subscription.id}`);
  const shown = ({ id, target_url, created_at, metadata }) =>
    JSON.stringify({ id, target_url, created_at, metadata });
  check(shown(after) === shown(subscription), 'the subscription is as it was');
  const again = await history(api, subscriptions);
  const same = (delivery) => again.get(delivery.id)?.status === 'delivered';
  check(
    again.size === told.size && [...told.values()].every(same),
    `so is the history of ${told.size} deliveries`,
  );
  await until('the 50 that waited', 60, async () => {
    const { distinct } = await call(`${demo}/count?path=/ok/kept`);
    if (distinct < replies.length) throw new Error(`${distinct} arrived`);
    return true;
  });
  const { requests } = await call(`${demo}/count?path=/ok/kept`);
  check(requests === replies.length, `the ${replies.length} that waited in Kafka were delivered, once each`);
  check((await call(`${demo}/count?path=/ok/load`)).requests === 0, 'nothing that was delivered came again');
  const before = await query(url, `max(max_over_time(milena_events_accepted_total[30m]))`);
  check(Number(before[0]?.value[1]) >= told.size, 'Prometheus still knows the time before');
}

async function prove(compose, tree, place, options) {
  await compose('config', '--quiet');
  say('building');
  await compose('build');
  say('built; up');
  await compose('up', '--detach', '--no-build', '--wait');
  await allHealthy(compose);
  await readmeCurls(tree, place);
  await until('Prometheus sees all four services', 60, async () => {
    const up = await query(place.url, 'count by (service) (up{job="milena"} == 1)');
    return up.length === 4 ? true : null;
  });
  check(true, 'Prometheus scrapes all four services');
  await call(`${place.url('GRAFANA')}/api/health`);
  check(true, 'Grafana answers');
  await keepData(compose, place, await scaleUnderLoad(compose, place, options));
}

async function showTrouble(compose) {
  console.error(await compose('ps', '--all').catch((error) => error.message));
  const logs = await compose('logs', '--no-color', '--tail', '20').catch((error) => error.message);
  console.error(logs.replace(/^(.{300}).*$/gm, '$1'));
}

const options = readOptions();
const temporary = options.here ? null : mkdtempSync(path.join(tmpdir(), 'milena-smoke-'));
const tree = temporary === null ? ROOT : path.join(temporary, 'milena');
const place = await makeEnvironment();
const compose = makeCompose(tree, options.project, place.env);

let ended = false;
async function end(code) {
  if (ended) return;
  ended = true;
  if (options.keep)
    say(`kept: ${place.api}, ${place.ingest}, ${place.demo}; project ${options.project}, files ${tree}`);
  else {
    await compose('down', '--volumes', '--remove-orphans', '--rmi', 'local').catch(() => (code = 1));
    if (temporary !== null) rmSync(temporary, { recursive: true, force: true });
  }
  process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void end(130));

try {
  if (temporary !== null) {
    const { status } = spawnSync('git', ['clone', '--quiet', ROOT, tree], { stdio: 'inherit' });
    check(status === 0, 'a clean clone of HEAD');
  }
  // Left by a run that was killed.
  await compose('down', '--volumes', '--remove-orphans');
  await prove(compose, tree, place, options);
  say('PASSED');
  await end(0);
} catch (error) {
  if (!ended) {
    say(`FAILED: ${error.message}`);
    await showTrouble(compose);
  }
  await end(1);
}
