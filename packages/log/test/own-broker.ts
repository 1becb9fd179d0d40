import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(__dirname, '../../..');

/** A broker that only this test has, so that it may end it. */
export interface OwnBroker {
  address: string;
  run(command: 'start' | 'stop' | 'kill'): Promise<void>;
  remove(): Promise<void>;
}

/** Kafka needs a port and the one after it. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export async function startOwnBroker(): Promise<OwnBroker> {
  const directory = await mkdtemp(join(tmpdir(), 'milena-broker-'));
  const fetched = join(ROOT, '.cache/stack/fetched');
  // What the stack has fetched already is not fetched again.
  if (existsSync(fetched)) await symlink(fetched, join(directory, 'fetched'));
  const port = await freePort();
  const env = { ...process.env, STACK_DIR: directory, STACK_KAFKA_PORT: String(port) };
  const stack = async (...args: string[]): Promise<void> => {
    await promisify(execFile)(join(ROOT, 'scripts/stack'), args, { env });
  };
  await stack('start', 'kafka');
  return {
    address: `127.0.0.1:${port}`,
    run: (command) => stack(command, 'kafka'),
    remove: async () => {
      await stack('kill', 'kafka');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
