import { execFile } from 'node:child_process';
import { once } from 'node:events';
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

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** Kafka needs a port and the one after it, below those that the system gives to outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + 2 * Math.floor(5_000 * Math.random());
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
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
