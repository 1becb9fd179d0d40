// What scripts/compose-smoke.mjs works with: docker compose, calls to the API, waiting, ports.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

const KEY = 'milena-local-development-key';
const startedAt = Date.now();

export function say(text) {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(0).padStart(4);
  console.log(`${seconds} s  ${text}`);
}

export function check(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
  say(`ok: ${what}`);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until the answer is not null; an error of the last question is told. */
export async function until(what, seconds, ask) {
  const deadline = Date.now() + seconds * 1000;
  let reason = 'never';
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      reason = error.message;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s (${reason})`);
    await sleep(500);
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Ports, network and key of its own, so that another Milena may run beside it. */
export async function makeEnvironment() {
  const names = ['SUBSCRIPTIONS', 'INGEST', 'DEMO_RECEIVER', 'PROMETHEUS', 'GRAFANA'];
  const env = { ...process.env, API_KEY: KEY, TARGETS_SUBNET: process.env.SMOKE_SUBNET ?? '172.30.78.0/24' };
  for (const name of names) env[`${name}_PORT`] = String(await freePort());
  const url = (name) => `http://127.0.0.1:${env[`${name}_PORT`]}`;
  return { env, api: url('SUBSCRIPTIONS'), ingest: url('INGEST'), demo: url('DEMO_RECEIVER'), url };
}

/** Runs docker compose; what it said is shown only when it fails. Gives what it wrote to stdout. */
export function makeCompose(tree, project, env) {
  const prefix = ['compose', '--progress', 'plain', '--project-name', project, '--project-directory', tree];
  return (...args) =>
    new Promise((resolve, reject) => {
      // A group of its own: Ctrl-C ends this script, which then takes everything down.
      const child = spawn('docker', [...prefix, ...args], { env, detached: true });
      let answer = '';
      let said = '';
      child.stdout.on('data', (chunk) => ((answer += chunk), (said += chunk)));
      child.stderr.on('data', (chunk) => (said += chunk));
      child.on('error', reject);
      child.on('close', (code) => {
        if (code === 0) return resolve(answer);
        console.error(said.split('\n').slice(-60).join('\n'));
        reject(new Error(`docker compose ${args.join(' ')}: exit code ${code}`));
      });
    });
}

export async function call(url, body, headers = {}) {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    signal: AbortSignal.timeout(30_000),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}
