import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const ALL_IN_ONE = path.join(ROOT, 'services/all-in-one/dist/main.cjs');

const OLDEST_NODE = [20, 19];

/** Runs a command in the project's root with its output shown; resolves with the exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: 'inherit',
      ...options,
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', ...options.env },
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
}

async function mustRun(what, command, args) {
  const code = await run(command, args);
  if (code !== 0) {
    console.error(`\n${what} failed (exit code ${code}); what it said is above.`);
    process.exit(code);
  }
}

export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  console.error(`Milena needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.version}.`);
  process.exit(1);
}

/** `npm ci`, but only when the lock file, Node's ABI or the platform changed since the last one. */
export async function ensureInstalled() {
  const wanted = createHash('sha256')
    .update(readFileSync(path.join(ROOT, 'package-lock.json')))
    .update([process.versions.modules, process.platform, process.arch].join())
    .digest('hex');
  const stamp = path.join(ROOT, 'node_modules/.milena-install');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('Installing dependencies (npm ci). The first time this takes a minute or two.');
  await mustRun('npm ci', 'npm', ['ci', '--no-audit', '--no-fund']);
  writeFileSync(stamp, wanted);
}

/** Builds what changed; a build of what didn't comes from turbo's cache. */
export async function ensureBuilt() {
  await mustRun('The build', process.execPath, [
    path.join(ROOT, 'node_modules/turbo/bin/turbo'),
    'run',
    'build',
    '--output-logs=errors-only',
    '--log-order=grouped',
  ]);
}

/** Puts the addresses of the engines that scripts/stack runs into `env`; what it said when they are not up, else null. */
export function enginesInto(env) {
  const { status, stdout, stderr } = spawnSync(path.join(ROOT, 'scripts/stack'), ['env'], {
    encoding: 'utf8',
  });
  if (status !== 0) return stderr;
  for (const line of stdout.trim().split('\n')) {
    const at = line.indexOf('=');
    env[line.slice(0, at)] = line.slice(at + 1);
  }
  return null;
}
