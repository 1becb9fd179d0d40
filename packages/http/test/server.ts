import { createLogger, createMetrics, systemClock } from '@milena/runtime';
import {
  createApiKeyAuthenticator,
  createApiServer,
  type ApiServerOptions,
  type Route,
} from '../src/index.ts';

export const KEY = 'a-key-for-tests-0123456789';

export interface TestServer {
  url: string;
  /** Every log line so far, parsed. */
  logs: Record<string, unknown>[];
  metrics: ReturnType<typeof createMetrics>;
  document: Record<string, never>;
  call(path: string, init?: RequestInit): Promise<Response>;
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
    authenticate: createApiKeyAuthenticator({ apiKey: KEY }),
    host: '127.0.0.1',
    port: 0,
    logger: createLogger({ service: 'test', level: 'debug', destination }),
    metrics,
    clock: systemClock,
    ...options,
  });
  const { url } = await server.start();
  return {
    url,
    logs,
    metrics,
    document: server.document as Record<string, never>,
    call: (path, init) => fetch(`${url}${path}`, init),
    stop: (deadlineMs) => server.stop(deadlineMs),
  };
}
