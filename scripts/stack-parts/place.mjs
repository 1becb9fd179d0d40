// Where the stack lives and what it remembers from one start to the next.
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../lib.mjs';

export const DIR = path.resolve(process.env.STACK_DIR || path.join(ROOT, '.cache/stack'));
export const LOGS = path.join(DIR, 'logs');
export const RUN = path.join(DIR, 'run');
/** What is fetched and not made here; `wipe` keeps it. */
export const FETCHED = path.join(DIR, 'fetched');
const DATA = path.join(DIR, 'data');
const SETTINGS = path.join(DIR, 'settings.json');

export const dataDir = (part) => path.join(DATA, part);

/** Others may pass through to what they own (Postgres as root runs as another account), whatever the umask is. */
export function makeDirs() {
  for (const dir of [DATA, LOGS, RUN, FETCHED]) {
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, 0o711);
  }
}

/** Ports given once stay until a wipe, so that an engine comes back where its clients look for it. */
export function readSettings() {
  try {
    return JSON.parse(readFileSync(SETTINGS, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    // Hex, so that it needs no escaping in a URL, a shell or SQL.
    return { password: randomBytes(16).toString('hex'), ports: {} };
  }
}

export function writeSettings(settings) {
  writeFileSync(`${SETTINGS}.new`, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${SETTINGS}.new`, SETTINGS);
}
