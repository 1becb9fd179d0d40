import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTypeScript } from '../bundle.mjs';

/** An embedded Postgres in a temporary directory, unless TEST_DATABASE_URL names a server to use. */
export async function start() {
  if (process.env.TEST_DATABASE_URL) return { env: {}, stop: async () => undefined };

  const { module, outfile } = await loadTypeScript('packages/embedded/src/postgres.ts', 'embedded-postgres');
  rmSync(outfile);
  const dataDir = mkdtempSync(join(tmpdir(), 'milena-test-postgres-'));
  const server = await module.startEmbeddedPostgres({
    dataDir,
    // Nothing here has to survive a power cut; many test processes connect at once.
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  const abandon = () => {
    killServer(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  };
  // The server runs in a process group of its own, so an interrupted run must end it itself.
  process.once('exit', abandon);
  const interrupted = () => process.exit(130);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  return {
    env: { TEST_DATABASE_URL: server.url },
    stop: async () => {
      process.removeListener('exit', abandon);
      process.removeListener('SIGINT', interrupted);
      process.removeListener('SIGTERM', interrupted);
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function killServer(dataDir) {
  try {
    const [pid] = readFileSync(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGQUIT');
  } catch {
    // It is gone already.
  }
}
