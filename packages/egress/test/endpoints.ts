import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:https';
import selfsigned from 'selfsigned';
import { systemClock, type Clock } from '@milena/runtime';
import {
  createHttpPost,
  createSsrfGuard,
  type HttpPost,
  type HttpPostDeps,
  type PostRequest,
} from '../src/index.ts';

/** Everything a test opened, closed again in reverse order. */
export interface Workshop {
  post: (url: string, request?: Partial<PostRequest>) => ReturnType<HttpPost['post']>;
  client(deps?: Partial<HttpPostDeps> & { clock?: Clock }): HttpPost;
  http(listener: RequestListener, host?: string): Promise<Endpoint>;
  https(listener: RequestListener, certificate?: Certificate): Promise<Endpoint>;
  /** Calls `answer` for each request, with its number beginning at 1. */
  raw(answer: (socket: Socket, request: number) => void): Promise<Endpoint>;
  track<T extends { close(): unknown }>(thing: T): T;
  close(): Promise<void>;
}

export interface Endpoint {
  port: number;
  url: string;
  server: Server;
  requests(): number;
  connections(): number;
  /** Resolves once that many requests came. */
  whenRequests(count: number): Promise<void>;
}

export interface Certificate {
  key: string;
  cert: string;
}

export function makeCertificate(name: string): Certificate {
  const pems = selfsigned.generate([{ name: 'commonName', value: name }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
    ],
  });
  return { key: pems.private, cert: pems.cert };
}

async function listen(server: Server, scheme: string, host: string, counters: Counters): Promise<Endpoint> {
  server.on('connection', () => {
    counters.connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${scheme}://${host}:${port}/hook`,
    server,
    requests: () => counters.requests,
    connections: () => counters.connections,
    whenRequests: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (counters.requests >= count) resolve();
          else counters.waiting.push(check);
        };
        check();
      }),
  };
}

interface Counters {
  requests: number;
  connections: number;
  waiting: (() => void)[];
}

function countRequest(counters: Counters): number {
  counters.requests += 1;
  for (const check of counters.waiting.splice(0)) check();
  return counters.requests;
}

export function createWorkshop(): Workshop {
  const closers: (() => unknown)[] = [];
  const sockets = new Set<Socket>();
  let shared: HttpPost | null = null;

  function adopt(server: Server): void {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    });
    closers.push(
      () =>
        new Promise((resolve) => {
          server.close(resolve);
          for (const socket of sockets) socket.destroy();
        }),
    );
  }

  function client(deps: Partial<HttpPostDeps> = {}): HttpPost {
    const made = createHttpPost({
      guard: createSsrfGuard({ allowedPrivate: ['127.0.0.0/8', '::1/128'] }),
      clock: systemClock,
      ...deps,
    });
    closers.push(() => made.close());
    return made;
  }

  return {
    client,
    post: (url, request = {}) => {
      shared ??= client();
      return shared.post({ url, headers: {}, body: Buffer.from('{}'), timeoutMs: 5000, ...request });
    },
    http: async (listener, host = '127.0.0.1') => {
      const counters: Counters = { requests: 0, connections: 0, waiting: [] };
      const server = createHttpServer((request, response) => {
        countRequest(counters);
        listener(request, response);
      });
      adopt(server);
      return listen(server, 'http', host, counters);
    },
    https: async (listener, certificate = makeCertificate('localhost')) => {
      const counters: Counters = { requests: 0, connections: 0, waiting: [] };
      const server = createTlsServer(certificate, (request, response) => {
        countRequest(counters);
        listener(request, response);
      });
      adopt(server);
      return listen(server, 'https', '127.0.0.1', counters);
    },
    raw: async (answer) => {
      const counters: Counters = { requests: 0, connections: 0, waiting: [] };
      const server = createTcpServer((socket) => {
        socket.on('data', (chunk) => {
          if (chunk.subarray(0, 5).toString() === 'POST ') answer(socket, countRequest(counters));
        });
      });
      adopt(server);
      return listen(server, 'http', '127.0.0.1', counters);
    },
    track: (thing) => {
      closers.push(() => thing.close());
      return thing;
    },
    close: async () => {
      for (const close of closers.reverse()) await close();
    },
  };
}
