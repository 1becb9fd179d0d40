import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type RunningAllInOne, removeDataDir, startAllInOne } from '@milena/testing';

const readme = readFileSync(path.resolve(__dirname, '../../README.md'), 'utf8');

/** The README's shell blocks with a curl in them, in order; they share their variables as they do for a reader. */
const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .map((m) => m[1] ?? '')
  .filter((b) => b.includes('curl'));

/** A curl that fails on an error status and writes each request it made to a file, one line each. */
const PROLOGUE = `
set -euo pipefail
curl() {
  local code=0
  command curl --fail-with-body --show-error --max-time 30 "$@" || code=$?
  local line="$*"
  echo "$code \${line//$'\n'/ }" >> "$CURL_LOG"
  return $code
}
`;

function bash(script: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', script], { env: { PATH: process.env['PATH'], ...env } });
    let output = '';
    child.stdout.on('data', (c: Buffer) => (output += c.toString()));
    child.stderr.on('data', (c: Buffer) => (output += c.toString()));
    // A loop that waits for something which never comes must not outlive the test.
    const limit = setTimeout(() => child.kill('SIGKILL'), 90_000);
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve({ code, output });
    });
  });
}

/** Blocks about keys are for an installation that has a first one; all others are for one that is open. */
const aboutKeys = (block: string): boolean => block.includes('/api-keys');
const API_KEY = 'a-first-key-for-the-readme';

const pointedAt = (milena: RunningAllInOne, script: string): string =>
  script
    .replaceAll('http://127.0.0.1:8080', milena.api)
    .replaceAll('http://127.0.0.1:8090', milena.demo_receiver);

/** Runs the blocks one after the other; the curls they made. */
async function runBlocks(milena: RunningAllInOne, chosen: readonly string[]): Promise<string[]> {
  const log = path.join(milena.dataDir, 'curl.log');
  const script = pointedAt(milena, chosen.join('\n'));
  const { code, output } = await bash(PROLOGUE + script, { CURL_LOG: log, API_KEY });
  if (code !== 0) throw new Error(`bash ended with ${String(code)}:\n${output}`);
  return readFileSync(log, 'utf8').trim().split('\n');
}

describe('the README', () => {
  let milena: RunningAllInOne;
  let keyed: RunningAllInOne;
  beforeAll(async () => {
    [milena, keyed] = await Promise.all([startAllInOne(), startAllInOne({ env: { API_KEY } })]);
  }, 90_000);
  afterAll(async () => {
    for (const one of [milena, keyed]) {
      await one.stop();
      removeDataDir(one.dataDir);
    }
  });

  it('shows curls that all work, and one for every operation of the API', async () => {
    expect(blocks.length).toBeGreaterThanOrEqual(5);
    const open = await runBlocks(
      milena,
      blocks.filter((block) => !aboutKeys(block)),
    );
    const curls = [...open, ...(await runBlocks(keyed, blocks.filter(aboutKeys)))];
    const failed = curls.filter(
      (c) => !c.startsWith('0 ') && !c.includes('/attempts/stream') && !c.includes('/dead-letters/'),
    );
    expect(failed).toEqual([]);

    const document = (await (await fetch(`${milena.api}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const missing: string[] = [];
    for (const [template, operations] of Object.entries(document.paths)) {
      const pattern = new RegExp(`${template.replace(/\{[^}]+\}/g, '[^/ ?]+')}(\\?[^ ]*)?( |$)`);
      for (const method of Object.keys(operations)) {
        if (!curls.some((c) => pattern.test(c) && methodOf(c) === method))
          missing.push(`${method} ${template}`);
      }
    }
    expect(missing).toEqual([]);
  }, 120_000);

  it('starts with lines that, pasted at once, end with the attempt', async () => {
    const [first = ''] = blocks;
    const { code, output } = await bash(PROLOGUE + pointedAt(milena, first), { CURL_LOG: '/dev/null' });
    expect(output).toContain('"outcome":"success"');
    expect(code).toBe(0);
  });

  it('runs the lines that the start message prints', async () => {
    const lines = milena
      .output()
      .split('\n')
      .filter((line) => line.includes('curl'));
    expect(lines).toHaveLength(3);
    const { code, output } = await bash(`${PROLOGUE}${lines.join('\n')}`, { CURL_LOG: '/dev/null' });
    expect(output).toContain('"status":"queued"');
    expect(output).toContain('"outcome":"success"');
    expect(code).toBe(0);
  });
});

function methodOf(curl: string): string {
  const explicit = /(?:^| )-X (\w+)/.exec(curl)?.[1];
  if (explicit) return explicit.toLowerCase();
  return / -d /.test(curl) ? 'post' : 'get';
}
