// Processes that outlive the command that started them, and are ended only when they are surely the same ones.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { LOGS, RUN } from './place.mjs';

const POLL_MS = 50;

const recordFile = (name) => path.join(RUN, `${name}.json`);
const logFile = (name) => path.join(LOGS, `${name}.log`);

/** Fields of /proc/<pid>/stat from the third on (the second is a name that may hold anything), or null. */
function statFields(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** A pid may be used again; a pid with its start time since that boot may not. Null when it is gone or a zombie. */
function identify(pid) {
  const fields = statFields(pid);
  if (fields === null || fields[0] === 'Z' || fields[0] === 'X') return null;
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`;
}

const isSame = ({ pid, identity }) => identify(pid) === identity;

/** `{ pid, identity, port }` of the part when it runs, or null. */
export function running(name) {
  let record;
  try {
    record = JSON.parse(readFileSync(recordFile(name), 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
    return null;
  }
  return isSame(record) ? record : null;
}

export function logTail(name, lines = 25) {
  try {
    return readFileSync(logFile(name), 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}

/**
 * Starts a process in a session of its own with only a log file open, so that neither the end of a terminal nor a
 * caller who waits for our output has anything to do with it. The log of the run before is kept as `.log.1`.
 */
export function launch(name, { file, args, env, ...options }, port) {
  try {
    renameSync(logFile(name), `${logFile(name)}.1`);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const log = openSync(logFile(name), 'a', 0o600);
  const child = spawn(file, args, {
    ...options,
    // Nothing of the caller's environment: PGPORT or JAVA_TOOL_OPTIONS would change what the engines do.
    env: { PATH: process.env.PATH, HOME: process.env.HOME ?? '/', LANG: 'C.UTF-8', ...env },
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const started = { child, ended: null };
  child.once('error', (error) => (started.ended ??= error.message));
  child.once('exit', (code, signal) => (started.ended ??= `it ended with ${signal ?? `exit code ${code}`}`));
  child.unref();
  if (child.pid !== undefined) {
    const record = { pid: child.pid, identity: identify(child.pid), port };
    writeFileSync(recordFile(name), JSON.stringify(record));
  }
  return started;
}

/** The process and everything below it, parents first. */
function family(record) {
  const children = new Map();
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) ? statFields(entry)?.[1] : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const all = [record.pid];
  for (const pid of all) all.push(...(children.get(String(pid)) ?? []));
  return all.map((pid) => ({ pid, identity: identify(pid) })).filter(({ identity }) => identity !== null);
}

function signalIfSame(record, signal) {
  if (!isSame(record)) return;
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

async function allGone(records, forMs) {
  const deadline = performance.now() + forMs;
  while (records.some(isSame)) {
    if (performance.now() > deadline) return false;
    await wait(POLL_MS);
  }
  return true;
}

/** `kill -9` for the process and its children at once, as when the machine loses them. False when nothing ran. */
export async function killHard(name) {
  const record = running(name);
  if (record !== null) {
    const victims = family(record);
    for (const victim of victims) signalIfSame(victim, 'SIGKILL');
    if (!(await allGone(victims, 10_000))) throw new Error(`${name} (pid ${record.pid}) survives kill -9`);
  }
  rmSync(recordFile(name), { force: true });
  return record !== null;
}

/**
 * Sends each signal in turn and waits, then kills.
 * @param signals `[signal, milliseconds to wait]`
 * @returns 'not running', 'stopped', or 'killed' when it had to be
 */
export async function end(name, signals) {
  const record = running(name);
  if (record === null) {
    rmSync(recordFile(name), { force: true });
    return 'not running';
  }
  for (const [signal, forMs] of signals) {
    const members = family(record);
    signalIfSame(record, signal);
    if (await allGone(members, forMs)) {
      rmSync(recordFile(name), { force: true });
      return 'stopped';
    }
  }
  await killHard(name);
  return 'killed';
}
