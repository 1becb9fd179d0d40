// Gets what is missing on this machine.
import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOGS } from './place.mjs';
import { logTail } from './processes.mjs';

/** The first executable of that name on PATH, or null. */
export function which(name) {
  for (const dir of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // The next one.
    }
  }
  return null;
}

/** Runs a command with its output in logs/install.log; the end of it is in the error when it fails. */
export async function runLogged(what, file, args) {
  const log = openSync(path.join(LOGS, 'install.log'), 'w', 0o600);
  const failure = await new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['ignore', log, log] });
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? null : `exit code ${code ?? signal}`));
  });
  closeSync(log);
  if (failure !== null) throw new Error(`${what} failed: ${failure}\n${logTail('install')}`);
}

export async function installPackages(names) {
  if (names.length === 0) return;
  if (which('apt-get') === null)
    throw new Error(`Missing here, and there is no apt-get to install it: ${names.join(' ')}`);
  console.log(`Installing with apt: ${names.join(' ')}. This may take a minute.`);
  const script = fileURLToPath(new URL('apt-install.sh', import.meta.url));
  const asRoot = process.getuid() === 0 ? [] : ['sudo', '-n'];
  const [file, ...args] = [...asRoot, 'bash', script, ...names];
  await runLogged(`apt-get install ${names.join(' ')}`, file, args).catch((error) => {
    if (asRoot.length === 0) throw error;
    throw new Error(`${error.message}\nAs root this would do: apt-get install ${names.join(' ')}`);
  });
}
