// Runs in a pod of the cluster under test, for k8s/e2e.sh: sends events and compares what was accepted with what the
// receiver got and what the history tells. Each phase has subscriptions and a path at the receiver of its own.
//
//   driver.mjs prepare PHASE                 makes the subscriptions
//   driver.mjs load PHASE RATE SECONDS       sends, until SECONDS are over or `stop` is called
//   driver.mjs stop PHASE
//   driver.mjs settle PHASE [MAX_REFUSED]    waits until all that was accepted is delivered, and counts repeats
//   driver.mjs still-there PHASE             what `settle` saw is told as before
//   driver.mjs wait-requests PATH COUNT      until the receiver got so many requests
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';

const { API, INGEST, RECEIVER, API_KEY } = process.env;
const STATE = '/state';
// A subscription stays on one partition: this many are spread over all of them, and so over all workers.
const SUBSCRIPTIONS = 24;
const MOST_UNDER_WAY = 200;

// A connection for each request, as from many clients: each is a new choice among the pods.
const agent = new http.Agent({ keepAlive: false });

function call(method, url, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      url,
      {
        method,
        agent,
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', ...headers },
        timeout: 30_000,
      },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode < 300) resolve(text === '' ? null : JSON.parse(text));
          else reject(new Error(`${response.statusCode} ${text.slice(0, 200)}`));
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer within 30 s')));
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const file = (phase, what) => `${STATE}/${phase}.${what}.json`;
const write = (phase, what, value) => writeFileSync(file(phase, what), JSON.stringify(value));
const read = (phase, what) => JSON.parse(readFileSync(file(phase, what), 'utf8'));

async function until(what, seconds, ask) {
  const deadline = Date.now() + seconds * 1000;
  for (let reason = 'never asked'; ;) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      reason = error.message;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s (${reason})`);
    await sleep(1000);
  }
}

async function prepare(phase) {
  const ids = [];
  for (let n = 0; n < SUBSCRIPTIONS; n++) {
    const target_url = `${RECEIVER}/ok/${phase}`;
    const { id } = await until('a subscription', 60, () =>
      call('POST', `${API}/api/v1/subscriptions`, { target_url, description: `e2e ${phase}` }),
    );
    ids.push(id);
  }
  write(phase, 'subscriptions', ids);
  return `${ids.length} subscriptions`;
}

async function load(phase, rate, seconds) {
  const ids = read(phase, 'subscriptions');
  const stop = file(phase, 'stop');
  rmSync(stop, { force: true });
  const accepted = [];
  const refused = {};
  const underWay = new Set();
  const begun = Date.now();
  for (let sent = 0; ;) {
    const elapsed = (Date.now() - begun) / 1000;
    if (elapsed > seconds || existsSync(stop)) break;
    for (; sent < elapsed * rate && underWay.size < MOST_UNDER_WAY; sent++) {
      const request = call(
        'POST',
        `${INGEST}/ingest/${ids[sent % ids.length]}`,
        { n: sent },
        { 'x-event-type': 'e2e' },
      )
        .then(({ delivery_id }) => accepted.push(delivery_id))
        .catch((error) => (refused[error.message] = (refused[error.message] ?? 0) + 1))
        .finally(() => underWay.delete(request));
      underWay.add(request);
    }
    await sleep(10);
  }
  await Promise.all(underWay);
  write(phase, 'load', { accepted, refused });
  return `${accepted.length} accepted, refused: ${JSON.stringify(refused)}`;
}

/** All pages of a list of each subscription: `deliveries` or `attempts`. */
async function listOf(phase, what) {
  const found = [];
  for (const id of read(phase, 'subscriptions')) {
    for (let cursor = ''; cursor !== null;) {
      const after = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await call('GET', `${API}/api/v1/subscriptions/${id}/${what}?limit=100${after}`);
      found.push(...page.data);
      cursor = page.next_cursor;
    }
  }
  return found;
}

async function openOf(phase) {
  const { accepted } = read(phase, 'load');
  const delivered = (await listOf(phase, 'deliveries')).filter(({ status }) => status === 'delivered');
  const ids = new Set(delivered.map(({ id }) => id));
  return accepted.filter((id) => !ids.has(id));
}

async function settle(phase, mostRefused) {
  const { accepted, refused } = read(phase, 'load');
  const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0);
  if (accepted.length === 0) throw new Error('nothing was accepted');
  if (refusals > mostRefused) throw new Error(`${refusals} refused: ${JSON.stringify(refused)}`);
  await until('every accepted delivery told as delivered', 240, async () => {
    const open = await openOf(phase);
    if (open.length > 0) throw new Error(`${open.length} of ${accepted.length} open, for example ${open[0]}`);
    return true;
  });
  const { requests, distinct } = await call('GET', `${RECEIVER}/count?path=/ok/${phase}`);
  if (distinct < accepted.length) throw new Error(`the receiver got ${distinct} of ${accepted.length}`);
  const repeats = requests - distinct;
  const attempts = await until('an attempt for each request', 60, async () => {
    const all = await listOf(phase, 'attempts');
    if (all.length < requests) throw new Error(`${all.length} attempts for ${requests} requests`);
    return all;
  });
  const marked = attempts.filter(({ may_repeat }) => may_repeat).length;
  if (repeats > marked) throw new Error(`${repeats} repeats, of which the history marks only ${marked}`);
  write(phase, 'settled', { delivered: accepted.length });
  return JSON.stringify({ accepted: accepted.length, refused: refusals, requests, distinct, repeats });
}

async function stillThere(phase) {
  const open = await until('the history', 60, () => openOf(phase));
  if (open.length > 0) throw new Error(`${open.length} deliveries are gone from the history`);
  return `${read(phase, 'settled').delivered} deliveries told as before`;
}

async function waitRequests(path, count) {
  await until(`${count} requests at ${path}`, 180, async () => {
    const { requests } = await call('GET', `${RECEIVER}/count?path=${path}`);
    if (requests < count) throw new Error(`${requests} came`);
    return true;
  });
  await sleep(3000); // a repeat would come about now
  const { requests, distinct } = await call('GET', `${RECEIVER}/count?path=${path}`);
  if (requests !== count || distinct !== count) throw new Error(`${requests} requests, ${distinct} events`);
  return `${requests} requests`;
}

const COMMANDS = {
  prepare: ([phase]) => prepare(phase),
  load: ([phase, rate, seconds]) => load(phase, Number(rate), Number(seconds)),
  stop: ([phase]) => write(phase, 'stop', true),
  settle: ([phase, mostRefused = '0']) => settle(phase, Number(mostRefused)),
  'still-there': ([phase]) => stillThere(phase),
  'wait-requests': ([path, count]) => waitRequests(path, Number(count)),
};

const [command, ...rest] = process.argv.slice(2);
try {
  const said = await COMMANDS[command](rest);
  if (said) console.log(said);
} catch (error) {
  console.error(`${command} ${rest.join(' ')}: ${error.message}`);
  process.exit(1);
}
