// What scripts/stack runs: one engine or all of them, started, ended and looked at. See docs/stack.md.
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { requireNode } from './lib.mjs';
import { clickhouse } from './stack-parts/clickhouse.mjs';
import { installPackages } from './stack-parts/install.mjs';
import { kafka } from './stack-parts/kafka.mjs';
import { DIR, LOGS, makeDirs, readSettings, writeSettings } from './stack-parts/place.mjs';
import { postgres } from './stack-parts/postgres.mjs';
import { end, killHard, launch, logTail, running } from './stack-parts/processes.mjs';
import { redis } from './stack-parts/redis.mjs';

const USAGE = `scripts/stack start | stop [--wipe] | kill | wipe | status | env   [kafka] [postgres] [redis] [clickhouse]
  start   installs what is missing, starts what is down, returns when it answers
  stop    ends it in order; --wipe also deletes its data
  kill    ends it with kill -9; the data stays
  wipe    stop --wipe
  status  up or down, pid and address of each; exit code 0 when all are up
  env     KEY=value lines for the services; exit code 1 when something is down`;

const PARTS = [kafka, postgres, redis, clickhouse];
const POLL_MS = 50;
/** Seconds are normal; a loaded machine and crash recovery take their time. */
const DEADLINE_MS = Number(process.env.STACK_TIMEOUT || 120) * 1000;

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** What an engine needs to know: as it runs, or as it would be started. */
function configOf(part, settings) {
  const given = process.env[`STACK_${part.name.toUpperCase()}_PORT`];
  if (given && !/^\d{1,5}$/.test(given))
    throw new Error(`STACK_${part.name.toUpperCase()}_PORT is no port: ${given}`);
  const next = given ? Number(given) : (settings.ports[part.name] ?? part.defaultPort);
  return { password: settings.password, port: running(part.name)?.port ?? next };
}

async function problemOf(part, config) {
  if (running(part.name) === null) return 'down';
  return part.check(config).then(
    () => null,
    (error) => `not answering: ${error.message.split('\n')[0]}`,
  );
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

async function requireFreePorts(part, port) {
  for (const one of [port, ...(part.otherPorts?.(port) ?? [])]) {
    if (await isFree(one)) continue;
    throw new Error(
      `port ${one} is taken by something else; set STACK_${part.name.toUpperCase()}_PORT to a free one`,
    );
  }
}

/** Null when it answers, else why it never did. */
async function whyNotReady(part, config, started) {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const problem = await problemOf(part, config);
    if (problem === null) return null;
    if (started?.ended) return started.ended;
    if (running(part.name) === null) return 'it ended';
    if (performance.now() > deadline) return `${problem} after ${DEADLINE_MS / 1000} s`;
    await wait(POLL_MS);
  }
}

async function startOne(part, config) {
  const begun = performance.now();
  let started = null;
  if (running(part.name) === null) {
    const prepared = await part.prepare(config);
    await requireFreePorts(part, config.port);
    started = launch(part.name, part.command(config, prepared), config.port);
  }
  const why = await whyNotReady(part, config, started);
  if (why === null) {
    console.log(`${part.name} is up at ${part.url(config)} (${started ? seconds(begun) : 'it was already'})`);
    return;
  }
  if (started !== null) await end(part.name, part.stopSignals);
  throw new Error(`${why}. The end of ${path.join(LOGS, `${part.name}.log`)}:\n${logTail(part.name)}`);
}

/** Does it for all of them at once; each failure is told, and then the exit code is 1. */
async function forEach(parts, what, action) {
  await Promise.all(
    parts.map((part) =>
      action(part).catch((error) => {
        console.error(`${part.name} could not be ${what}: ${error.stderr || error.message}`);
        process.exitCode = 1;
      }),
    ),
  );
}

async function start(parts) {
  makeDirs();
  const settings = readSettings();
  const configs = new Map(parts.map((part) => [part, configOf(part, settings)]));
  for (const [part, { port }] of configs) settings.ports[part.name] = port;
  writeSettings(settings);
  const down = parts.filter((part) => running(part.name) === null);
  if (down.length > 0) console.log(`Starting ${down.map(({ name }) => name).join(', ')} in ${DIR}`);
  await installPackages(down.flatMap((part) => part.missingPackages()));
  await forEach(parts, 'started', (part) => startOne(part, configs.get(part)));
}

async function stop(parts, wipe) {
  await forEach(parts, 'stopped', async (part) => {
    const begun = performance.now();
    const how = await end(part.name, part.stopSignals);
    if (wipe) for (const dir of part.dirs) rmSync(dir, { recursive: true, force: true });
    console.log(`${part.name}: ${how} (${seconds(begun)})${wipe ? ', data deleted' : ''}`);
  });
  if (wipe && parts.length === PARTS.length) rmSync(path.join(DIR, 'settings.json'), { force: true });
}

const kill = (parts) =>
  forEach(parts, 'killed', async (part) => {
    console.log(`${part.name}: ${(await killHard(part.name)) ? 'killed' : 'not running'}`);
  });

async function status(parts) {
  const settings = readSettings();
  const rows = await Promise.all(
    parts.map(async (part) => {
      const config = configOf(part, settings);
      const problem = await problemOf(part, config);
      if (problem !== null) process.exitCode = 1;
      const pid = running(part.name)?.pid ?? '-';
      return [
        part.name.padEnd(10),
        problem === null ? 'up  ' : 'down',
        String(pid).padEnd(8),
        part.url(config),
      ]
        .concat(problem === null || problem === 'down' ? [] : [`(${problem})`])
        .join('  ');
    }),
  );
  console.log(rows.join('\n'));
}

async function printEnv(parts) {
  const settings = readSettings();
  const lines = [];
  const down = [];
  for (const part of parts) {
    const config = configOf(part, settings);
    if ((await problemOf(part, config)) !== null) down.push(part.name);
    else lines.push(...Object.entries(part.env(config)).map(([key, value]) => `${key}=${value}`));
  }
  if (down.length === 0) {
    console.log(lines.join('\n'));
    return;
  }
  console.error(`Not up: ${down.join(', ')}. Run: scripts/stack start`);
  process.exitCode = 1;
}

requireNode();
const [command, ...rest] = process.argv.slice(2);
const names = rest.filter((arg) => arg !== '--wipe');
const wipe = rest.includes('--wipe');
const commands = {
  start,
  stop: (parts) => stop(parts, wipe),
  wipe: (parts) => stop(parts, true),
  kill,
  status,
  env: printEnv,
};
const unknown = names.filter((name) => !PARTS.some((part) => part.name === name));
if (!Object.hasOwn(commands, command ?? '') || unknown.length > 0 || (wipe && command !== 'stop')) {
  console.error(USAGE);
  process.exit(2);
}
try {
  await commands[command](names.length === 0 ? PARTS : PARTS.filter((part) => names.includes(part.name)));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
process.exit();
