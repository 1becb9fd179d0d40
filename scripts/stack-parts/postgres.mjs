import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DIR, dataDir } from './place.mjs';

const INSTALLED = '/usr/lib/postgresql';
const INSIDE = dataDir('postgres');
/** For a checkout below a directory that only root may enter; one for each stack. */
const OUTSIDE = `/var/tmp/milena-stack-${createHash('sha256').update(DIR).digest('hex').slice(0, 12)}`;
const CLEAN_ENV = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' };

const NAME = 'milena';

/** Postgres refuses root. Its package makes an account; its own cluster and service are not touched. */
function account() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** The newest version here, or the one that made the cluster. Null when there is none. */
function findBinaries(cluster) {
  if (!existsSync(INSTALLED)) return null;
  let versions = readdirSync(INSTALLED).filter((v) => existsSync(path.join(INSTALLED, v, 'bin/initdb')));
  if (cluster !== undefined && existsSync(cluster)) {
    const made = readFileSync(path.join(cluster, 'PG_VERSION'), 'utf8').trim();
    versions = versions.filter((version) => version === made);
    if (versions.length === 0)
      throw new Error(`${cluster} needs Postgres ${made}; install it or run: scripts/stack wipe postgres`);
  }
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? null : path.join(INSTALLED, newest, 'bin');
}

/** A directory that the account can reach, made when absent. */
function home(user) {
  const reachable = (dir) =>
    user.uid === undefined || spawnSync('test', ['-x', dir], { ...user, cwd: '/' }).status === 0;
  for (const dir of [INSIDE, OUTSIDE]) {
    mkdirSync(dir, { recursive: true });
    // /var/tmp is everybody's: somebody else may have been there first.
    if (lstatSync(dir).uid !== process.getuid() || !lstatSync(dir).isDirectory())
      throw new Error(`${dir} is there and belongs to somebody else.`);
    chmodSync(dir, 0o711);
    if (reachable(dir)) return dir;
  }
  throw new Error(`The account postgres can reach neither ${INSIDE} nor ${OUTSIDE}; set STACK_DIR.`);
}

/** Makes the cluster, its role and its database aside and moves them into place, so that half of it is never used. */
function makeCluster({ bin, user, cluster, password }) {
  console.log('Making a Postgres cluster.');
  const aside = `${cluster}.unfinished`;
  const passwordFile = `${cluster}.password`;
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user.uid !== undefined) for (const it of [aside, passwordFile]) chownSync(it, user.uid, user.gid);
  const options = { ...user, cwd: aside, env: CLEAN_ENV, encoding: 'utf8', stdio: 'pipe' };
  const initdb = ['--pgdata', aside, '--username', 'postgres', '--pwfile', passwordFile];
  initdb.push('--auth', 'scram-sha-256', '--encoding', 'UTF8', '--no-locale');
  execFileSync(path.join(bin, 'initdb'), initdb, options);
  rmSync(passwordFile);
  // An ordinary role, as in production; tests make databases of their own, and drop them also while one is being vacuumed.
  const input = [
    `CREATE ROLE ${NAME} LOGIN CREATEDB PASSWORD '${password}'`,
    `GRANT pg_signal_backend TO ${NAME}`,
    `CREATE DATABASE ${NAME} OWNER ${NAME}`,
    '',
  ].join('\n');
  const single = ['--single', '-D', aside, '-c', 'exit_on_error=on', 'postgres'];
  execFileSync(path.join(bin, 'postgres'), single, { ...options, input });
  renameSync(aside, cluster);
}

/**
 * Postgres refuses to start over a pid file whose pid is in use: by another program after a reboot, by a zombie where
 * nobody collects them. So the file goes, but only when no process works in the cluster any more (each one of a server
 * does; those of a killed server end by themselves).
 */
async function removeStalePidFile(cluster) {
  const file = path.join(cluster, 'postmaster.pid');
  const deadline = performance.now() + 10_000;
  while (existsSync(file)) {
    if (!readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && worksIn(pid, cluster))) rmSync(file);
    else if (performance.now() > deadline)
      throw new Error(`another server is running on ${cluster}, see ${file}`);
    else await wait(50);
  }
}

function worksIn(pid, directory) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === directory;
  } catch {
    return false;
  }
}

const connection = ({ port, password }) => `postgres://${NAME}:${password}@127.0.0.1:${port}/${NAME}`;

export const postgres = {
  name: 'postgres',
  defaultPort: 15432,
  dirs: [INSIDE, OUTSIDE],
  // Fast (SIGTERM would wait for its clients), then at once, without the last checkpoint.
  stopSignals: [
    ['SIGINT', 15_000],
    ['SIGQUIT', 5000],
  ],

  missingPackages: () => (findBinaries() === null ? ['postgresql'] : []),

  async prepare({ password }) {
    const user = account();
    const cluster = path.join(home(user), 'cluster');
    const bin = findBinaries(cluster);
    if (!existsSync(cluster)) makeCluster({ bin, user, cluster, password });
    await removeStalePidFile(cluster);
    return { bin, user, cluster };
  },

  command({ port }, { bin, user, cluster }) {
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: 200,
      log_timezone: 'UTC',
      timezone: 'UTC',
    };
    const args = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    return { file: path.join(bin, 'postgres'), args: ['-D', cluster, ...args], cwd: cluster, ...user };
  },

  async check({ port, password }) {
    const psql = path.join(findBinaries(), 'psql');
    const env = { ...CLEAN_ENV, PGPASSWORD: password, PGCONNECT_TIMEOUT: '2' };
    const args = [
      '-X',
      '-q',
      '-h',
      '127.0.0.1',
      '-p',
      String(port),
      '-U',
      NAME,
      '-d',
      NAME,
      '-c',
      'SELECT 1',
    ];
    await promisify(execFile)(psql, args, { env, timeout: 3000 });
  },

  url: ({ port }) => `postgres://127.0.0.1:${port}/${NAME}`,
  env: (settings) => ({ DATABASE_URL: connection(settings) }),
};
