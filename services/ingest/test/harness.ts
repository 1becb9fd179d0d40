import type { LiveSubscription } from '@milena/domain';
import { createApiKeyAuthenticator, createApiServer, type Authenticate } from '@milena/http';
import { createLogger, createMetrics, createTestClock, systemClock } from '@milena/runtime';
import { createContractChecker, noStoredKeys } from '@milena/testing';
import type { Tracing } from '@milena/tracing';
import { createIngestService } from '../src/service.ts';
import { createFakeDirectory, createFakeIdempotency, createFakeLog, type FakeIdempotency } from './fakes.ts';

export const KEY = 'a-key-for-tests-0123456789';
export const READ_KEY = 'a-read-key-0123456789';
/** With the scope ingest, for the tenant `shop-1` alone. */
export const TENANT_KEY = 'a-tenant-key-0123456789';

const configured = (apiKey: string) =>
  createApiKeyAuthenticator({ apiKey, keys: noStoredKeys, clock: systemClock });

/** The configured key with every scope, one that may only read, and one of a tenant. */
const authenticate: Authenticate = (authorization) => {
  if (authorization === `Bearer ${READ_KEY}`)
    return Promise.resolve({ name: 'reader', scopes: ['read'], tenant_id: null });
  if (authorization === `Bearer ${TENANT_KEY}`)
    return Promise.resolve({ name: 'shop', scopes: ['ingest'], tenant_id: 'shop-1' });
  return configured(KEY)(authorization);
};

interface Answer {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into replies of every shape
  body: any;
}

export interface Options {
  subscriptions?: LiveSubscription[];
  /** No key configured: the API is open. */
  open?: boolean;
  maxPayloadBytes?: number;
  maxBacklogBytes?: number;
  /** Shared by two services that stand for two processes. */
  idempotency?: FakeIdempotency;
  clock?: ReturnType<typeof createTestClock>;
  tracing?: Tracing;
}

/** The service behind a real API server; every reply is held against the API's own document. */
export async function startIngest(options: Options = {}) {
  const clock = options.clock ?? createTestClock();
  const log = createFakeLog();
  const directory = createFakeDirectory(options.subscriptions ?? []);
  const idempotency = options.idempotency ?? createFakeIdempotency(clock);
  const metrics = createMetrics();
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  const logger = createLogger({ service: 'ingest', level: 'debug', destination });
  const { maxPayloadBytes = 262_144, maxBacklogBytes } = options;
  const service = createIngestService({
    log,
    directory,
    idempotency,
    clock,
    logger,
    metrics,
    tracing: options.tracing ?? null,
    config: { maxPayloadBytes, ...(maxBacklogBytes !== undefined && { maxBacklogBytes }) },
  });
  const server = createApiServer({
    title: 'Ingest',
    description: 'Ingest under test.',
    version: '0.0.0',
    routes: service.routes,
    authenticate: options.open ? configured('') : authenticate,
    host: '127.0.0.1',
    port: 0,
    logger,
    metrics,
    clock,
  });
  const check = createContractChecker(server.document);
  await service.start();
  const { url } = await server.start();

  async function post(
    path: string,
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    const text = await response.text();
    const answer = {
      status: response.status,
      headers: response.headers,
      body: text === '' ? null : JSON.parse(text),
    };
    // The alias is the same operation; only one of its paths is in the document.
    const documented = path.replace('/api/v1/ingest/', '/ingest/');
    check({ method: 'POST', path: documented, ...answer, headers: Object.fromEntries(response.headers) });
    return answer;
  }

  return {
    clock,
    log,
    directory,
    idempotency,
    lines,
    service,
    document: server.document,
    metrics,
    post,
    /** With the key that may do everything. */
    publish: (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
      post(path, body, { authorization: `Bearer ${KEY}`, ...headers }),
    count: async (name: 'eventsAccepted' | 'ingestRefused', label: string): Promise<number> => {
      const { values } = await metrics[name].get();
      return values.find((value) => Object.values(value.labels).includes(label))?.value ?? 0;
    },
    stop: async (): Promise<void> => {
      const stopped = server.stop(0);
      // What is still under way when a test ends is cut off when the server's deadline passes.
      clock.advance(1);
      await stopped;
      await service.stop();
    },
  };
}
export type Ingest = Awaited<ReturnType<typeof startIngest>>;

/** Waits for something that is bound to happen, looking again in each turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`waited in vain for ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
