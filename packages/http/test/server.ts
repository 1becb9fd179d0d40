import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { createLogger, createMetrics, systemClock } from '@milena/runtime';
import { createContractChecker, noStoredKeys } from '@milena/testing';
import {
  createApiKeyAuthenticator,
  createApiServer,
  type ApiServerOptions,
  type Route,
} from '../src/index.ts';

export const KEY = 'a-key-for-tests-0123456789';
export const BEARER = { authorization: `Bearer ${KEY}` };
export const ID = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f';

export interface Reply {
  status: number;
  headers: Record<string, string>;
  /** Parsed when it is JSON. */
  body: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- whatever the server says; tests look into it
}

export interface TestServer {
  url: string;
  /** Every log line so far, parsed. */
  logs: Record<string, unknown>[];
  metrics: ReturnType<typeof createMetrics>;
  document: object;
  /** Calls the server; a documented path's reply has passed the document. */
  call(path: string, init?: RequestInit): Promise<Reply>;
  stop(deadlineMs?: number): Promise<void>;
}

/** A real server on a free port of the loopback interface. */
export async function startServer(
  routes: readonly Route[],
  options: Partial<ApiServerOptions> = {},
): Promise<TestServer> {
  const logs: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => logs.push(JSON.parse(line) as Record<string, unknown>) };
  const metrics = createMetrics();
  const server = createApiServer({
    title: 'Test',
    description: 'An API for tests.',
    version: '1.2.3',
    routes,
    authenticate: createApiKeyAuthenticator({ apiKey: KEY, keys: noStoredKeys, clock: systemClock }),
    host: '127.0.0.1',
    port: 0,
    logger: createLogger({ service: 'test', level: 'debug', destination }),
    metrics,
    clock: systemClock,
    ...options,
  });
  const { url } = await server.start();
  const check = createContractChecker(server.document);
  const documented = Object.keys((server.document as { paths: object }).paths).map(
    (path) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  );
  return {
    url,
    logs,
    metrics,
    document: server.document,
    stop: (deadlineMs) => server.stop(deadlineMs),
    call: async (path, init = {}) => {
      const response = await fetch(`${url}${path}`, init);
      const headers = Object.fromEntries(response.headers);
      const text = await response.text();
      const isJson = /json/.test(headers['content-type'] ?? '');
      const body: unknown = isJson && text !== '' ? JSON.parse(text) : text;
      const { pathname } = new URL(path, url);
      if (documented.some((pattern) => pattern.test(pathname)) && response.status !== 405) {
        check({ method: init.method ?? 'GET', path, status: response.status, headers, body });
      }
      return { status: response.status, headers, body };
    },
  };
}

/** POST of JSON, as a RequestInit. */
export function json(body: unknown, headers: Record<string, string> = BEARER): RequestInit {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text };
}

/** Sends text as it is over one TCP connection and gathers what comes back until `until` matches. */
export function overTcp(url: string, text: string | Buffer, until: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (!until.test(received)) return;
      socket.destroy();
      resolve(received);
    });
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error(`closed after: ${received}`));
    });
    socket.write(text);
  });
}

/** Begins a request whose body the test sends by hand. */
export function beginPost(url: string, path: string, headers: Record<string, string | number>) {
  return httpRequest(`${url}${path}`, { method: 'POST', headers });
}

/** Resolves as soon as `condition` holds; the test's own timeout is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
