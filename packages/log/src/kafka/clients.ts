import { isIP, connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Logger } from '@milena/runtime';
import { Kafka, logLevel, type Admin, type ISocketFactory, type KafkaConfig } from 'kafkajs';
import type { KafkaLogOptions } from './options.ts';
import { quickenEncoder } from './quick-encoder.ts';
import { quietRequestQueues } from './quiet.ts';
import { shortenMemory } from './short-memory.ts';

/** Pause between tries within one call of the client; whoever calls it tries again for longer. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 };
const CONNECT_TIMEOUT_MS = 3_000;
const KEEP_ALIVE_MS = 60_000;
/** Answers to metadata and offset questions take milliseconds. */
const ADMIN_TIMEOUT_MS = 5_000;

/** A client of the cluster whose connections can be cut. */
export interface KafkaClient {
  readonly kafka: Kafka;
  /** Cuts its connections and opens no more: whatever it is doing fails soon, nobody is told goodbye. */
  kill(): void;
}

export interface Clients {
  create(requestTimeoutMs: number): KafkaClient;
  /** Cuts the connections of every client made here, and of those still to be made. */
  killAll(): void;
}

export function createClients(options: KafkaLogOptions): Clients {
  quietRequestQueues();
  quickenEncoder();
  shortenMemory();
  const { ssl, sasl, clientId = 'milena' } = options;
  const alive = new Set<KafkaClient>();
  let dead = false;
  const create = (requestTimeoutMs: number): KafkaClient => {
    const sockets = createSockets();
    const config: KafkaConfig = {
      brokers: [...options.brokers],
      clientId,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: requestTimeoutMs,
      retry: RETRY,
      socketFactory: sockets.factory,
      logLevel: logLevel.ERROR,
      logCreator: logTo(options.logger),
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl: sasl as NonNullable<KafkaConfig['sasl']> }),
    };
    const client = {
      kafka: new Kafka(config),
      kill: () => {
        alive.delete(client);
        sockets.kill();
      },
    };
    alive.add(client);
    if (dead) client.kill();
    return client;
  };
  return {
    create,
    killAll: () => {
      dead = true;
      for (const client of alive) client.kill();
    },
  };
}

/** kafkajs waits for ever on some connections that died under it; these can be cut from outside. */
function createSockets(): { factory: ISocketFactory; kill(): void } {
  const open = new Set<Socket>();
  let dead = false;
  return {
    factory: ({ host, port, ssl, onConnect }) => {
      if (dead) throw new Error('this client was given up');
      // kafkajs passes undefined here when TLS is off, whatever its types say.
      const tls = ssl as typeof ssl | undefined;
      const servername = isIP(host) === 0 ? { servername: host } : {};
      const socket = tls
        ? connectTls({ host, port, ...servername, ...tls }, onConnect)
        : connectPlain({ host, port }, onConnect);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      return socket;
    },
    kill: () => {
      dead = true;
      for (const socket of open) socket.destroy(new Error('this client was given up'));
    },
  };
}

/** What kafkajs calls errors are mostly single failed tries; what they lead to is logged by whoever tried. */
function logTo(logger: Logger | undefined): NonNullable<KafkaConfig['logCreator']> {
  return () =>
    ({ namespace, log }) => {
      logger?.debug({ event: 'kafka.client', part: namespace, detail: log.message });
    };
}

/** One connection for questions about topics, groups and offsets. */
export interface AdminDesk {
  /** Asks, within a few seconds. After a failure the next question goes over a new connection. */
  ask<T>(question: (admin: Admin) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function createAdminDesk(clients: Clients): AdminDesk {
  interface Desk {
    client: KafkaClient;
    admin: Admin;
    connected: Promise<void>;
  }
  let current: Desk | null = null;
  const open = (): Desk => {
    const client = clients.create(ADMIN_TIMEOUT_MS);
    const admin = client.kafka.admin();
    return { client, admin, connected: admin.connect() };
  };
  return {
    ask: async (question) => {
      const desk = (current ??= open());
      try {
        return await within(
          ADMIN_TIMEOUT_MS,
          desk.connected.then(() => question(desk.admin)),
        );
      } catch (error) {
        if (current === desk) current = null;
        // Others may be asking over it still; they get their answer or their error within the time limit.
        setTimeout(() => {
          desk.client.kill();
        }, ADMIN_TIMEOUT_MS).unref();
        throw error;
      }
    },
    close: async () => {
      const desk = current;
      current = null;
      if (desk === null) return;
      await within(ADMIN_TIMEOUT_MS, desk.admin.disconnect()).catch(() => undefined);
      desk.client.kill();
    },
  };
}

/** Rejects when the work takes longer (real time). The work itself goes on. */
export function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no answer within ${Math.round(limitMs)} ms`));
    }, limitMs);
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

/** One line for people; kafkajs wraps causes in causes. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
