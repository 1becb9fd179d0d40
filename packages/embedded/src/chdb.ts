import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Logger } from '@milena/runtime';
import { createChdbBridge } from './chdb-bridge.ts';
import { openChdbEngine } from './chdb-engine.ts';

interface ChdbServer {
  /** With user and password, as @clickhouse/client takes it. Never log it. */
  url: string;
  /** Waits for running queries, then releases the directory. Idempotent. */
  stop(): Promise<void>;
}

/**
 * ClickHouse's engine in this process, behind its HTTP interface on a loopback port, so that the same client and SQL
 * serve here and against a server. The engine is one per process: a second call works on the same directory only.
 * Queries run on libuv's threads, at most three at once.
 *
 * @throws DirectoryTakenError when another process has the directory open
 */
export async function startChdbServer(options: {
  dataDir: string;
  /** 0 or absent: any free one. */
  port?: number;
  /** Absent: a new random one at each start, so no other user of the machine can query. */
  password?: string;
  logger?: Pick<Logger, 'warn'>;
}): Promise<ChdbServer> {
  const { dataDir, port = 0, password = randomBytes(24).toString('base64url'), logger } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const engine = await openChdbEngine(dataDir);
  const server = createChdbBridge({ engine, password, ...(logger && { logger }) });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  }).catch(async (error: unknown) => {
    await engine.close();
    throw error;
  });

  const address = server.address() as AddressInfo;
  let stopped: Promise<void> | null = null;
  const stop = async () => {
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeIdleConnections();
    });
    await engine.close();
  };
  return {
    url: `http://default:${password}@127.0.0.1:${address.port}`,
    stop: () => (stopped ??= stop()),
  };
}
