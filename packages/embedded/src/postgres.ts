import { randomBytes } from 'node:crypto';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chown, mkdir, mkdtemp, open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from '@milena/runtime';
import {
  type Account,
  type Binaries,
  CHILD_ENV,
  asAccount,
  chooseAccount,
  findBinaries,
} from './postgres-install.ts';
import { endLeftover, readPidFile } from './postgres-leftover.ts';

/** Generous, because crash recovery after a power cut replays up to max_wal_size. */
const START_TIMEOUT_MS = 60_000;
const RETRY_FOR_MS = 5000;
/** After this a stop gives up on the shutdown checkpoint; the write-ahead log is replayed at the next start instead. */
const STOP_TIMEOUT_MS = 10_000;

/**
 * Sized for one process with a few dozen connections next to it. Durability stays at Postgres' defaults: fsync and
 * synchronous_commit are on.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '32MB',
  max_connections: '30',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  // Nobody replicates from it: no senders, so the smallest log.
  wal_level: 'minimal',
  max_wal_senders: '0',
  io_method: 'sync',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  // Containers often give /dev/shm only 64 MB.
  dynamic_shared_memory_type: 'mmap',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // LOG and FATAL are worth keeping; a failed statement is reported to its caller already.
  log_min_messages: 'log',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

export interface EmbeddedPostgres {
  /** `postgres://…`, of a superuser; its password is in `<dataDir>/password`. */
  url: string;
  /** Ends connections, writes a checkpoint and ends the server. Calling it again is fine. */
  stop(): Promise<void>;
}

/**
 * Starts a Postgres server of its own on `dataDir` (made when absent), reachable on 127.0.0.1 only. It runs in its own
 * process group: Ctrl-C reaches it through `stop`, after our own work is drained. When this process exits without a stop,
 * the server ends as well; one left behind by a killed process is ended first, so the caller must hold a lock on the
 * directory. As root it runs as the account `postgres` or `nobody`, because Postgres refuses root.
 * @throws Error with the end of the server's log when it doesn't come up
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string;
  /** Default: any free one, a new one at each start. */
  port?: number;
  logger?: Logger;
  /** Server settings that replace the defaults; for tests. */
  settings?: Readonly<Record<string, string>>;
}): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const cluster = join(dataDir, 'cluster');
  const binaries = await findBinaries();
  await mkdir(dataDir, { recursive: true });
  const account = await chooseAccount(binaries, dataDir);
  const password = await readPassword(join(dataDir, 'password'));
  await makeCluster({ binaries, account, dataDir, cluster, password });
  await endLeftover(cluster, options.logger);

  const { server, port } = await launchPatiently({
    binaries,
    account,
    cluster,
    port: options.port ?? 0,
    logFile: join(dataDir, 'postgres.log'),
    settings: { ...SETTINGS, ...options.settings },
  });
  let stopping: Promise<void> | null = null;
  server.once('exit', (code, signal) => {
    if (stopping === null) options.logger?.error({ event: 'postgres.died', code, signal });
  });
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    stop: () => (stopping ??= end(server)),
  };
}

/** The password is made once and outlives restarts, as the cluster does. Hex, so that it needs no escaping in a URL. */
async function readPassword(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const password = randomBytes(24).toString('hex');
  const unfinished = `${file}.new`;
  await writeFile(unfinished, password, { mode: 0o600 });
  await rename(unfinished, file);
  return password;
}

/** Runs initdb aside and moves the result into place, so that one killed half-way leaves nothing that looks finished. */
async function makeCluster(job: {
  binaries: Binaries;
  account: Account;
  dataDir: string;
  cluster: string;
  password: string;
}): Promise<void> {
  const entries = await readdir(job.dataDir);
  if (entries.includes('cluster')) return;
  for (const name of entries.filter((entry) => entry.startsWith('initdb-')))
    await rm(join(job.dataDir, name), { recursive: true, force: true });

  const aside = await mkdtemp(join(job.dataDir, 'initdb-'));
  const passwordFile = join(aside, 'password');
  const unfinished = join(aside, 'cluster');
  await writeFile(passwordFile, job.password, { mode: 0o600 });
  await mkdir(unfinished, { mode: 0o700 });
  if (job.account.owner) {
    const { uid, gid } = job.account.owner;
    for (const path of [aside, passwordFile, unfinished]) await chown(path, uid, gid);
  }
  const args = ['--pgdata', unfinished, '--username', 'postgres', '--pwfile', passwordFile];
  args.push('--auth', 'scram-sha-256', '--encoding', 'UTF8', '--no-locale');
  await promisify(execFile)(...asAccount(job.account, job.binaries.initdb, args), {
    ...job.account.runAs,
    env: CHILD_ENV,
    cwd: aside,
  });
  await rename(unfinished, job.cluster);
  await rm(aside, { recursive: true, force: true });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string') fail(new Error('no port'));
        else done(address.port);
      });
    });
  });
}

interface Launch {
  binaries: Binaries;
  account: Account;
  cluster: string;
  /** 0 = any free one. */
  port: number;
  logFile: string;
  settings: Readonly<Record<string, string>>;
}

/**
 * Two causes of failure pass: workers of a killed server that still hold its shared memory (they notice within seconds),
 * and a port that somebody took between our look and our use of it.
 */
async function launchPatiently(job: Launch): Promise<{ server: ChildProcess; port: number }> {
  const deadline = performance.now() + RETRY_FOR_MS;
  for (;;) {
    const port = job.port || (await freePort());
    try {
      return { server: await launch({ ...job, port }), port };
    } catch (error) {
      const passing = /shared memory block|Address already in use/.test(String(error));
      if (!passing || performance.now() > deadline) throw error;
      await wait(100);
    }
  }
}

/** Resolves when the server takes connections. */
async function launch(job: Launch): Promise<ChildProcess> {
  const args = ['-D', job.cluster, '-p', String(job.port)];
  for (const [name, value] of Object.entries(job.settings)) args.push('-c', `${name}=${value}`);
  // The server writes to the file itself: a pipe would break when this process dies, and keep it alive when it is done.
  const log = await open(job.logFile, 'w', 0o600);
  let failure: Error | null = null;
  const server = spawn(...asAccount(job.account, job.binaries.postgres, args), {
    ...job.account.runAs,
    cwd: job.cluster,
    env: CHILD_ENV,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  // A second signal and an uncaught exception are exits without a stop, also while it starts.
  const endWithUs = (): void => void server.kill('SIGINT');
  process.once('exit', endWithUs);
  server.once('exit', () => process.off('exit', endWithUs));
  server.once('error', (error) => (failure = error));
  server.once('exit', (code, signal) => (failure ??= new Error(`it exited with ${signal ?? code ?? '?'}`)));
  try {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while ((await readPidFile(job.cluster))?.readyAs !== server.pid) {
      if (performance.now() > deadline) failure ??= new Error(`not ready after ${START_TIMEOUT_MS} ms`);
      if (failure !== null) {
        server.kill('SIGQUIT');
        throw await startError(failure, job.logFile);
      }
      await wait(10);
    }
  } finally {
    await log.close();
  }
  server.unref();
  return server;
}

async function startError(failure: Error, logFile: string): Promise<Error> {
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-5);
  return new Error(`The embedded Postgres did not start: ${failure.message}\n${lines.join('\n')}`);
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.ref();
  const exited = new Promise((done) => server.once('exit', done));
  server.kill('SIGINT');
  const hurry = setTimeout(() => server.kill('SIGQUIT'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(hurry);
}
