import { setMaxListeners } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { Clock, Logger, Metrics, ReadyReport } from '@milena/runtime';
import Koa from 'koa';
import type { Authenticate } from './authenticator.ts';
import { answerClientErrors, refusedForHost } from './client-errors.ts';
import type { Context, RequestState } from './context.ts';
import { docsUi } from './docs-ui.ts';
import { createFailureLimit } from './failure-limit.ts';
import { observeRequests } from './observe.ts';
import { buildOpenApi } from './openapi.ts';
import type { Route } from './route.ts';
import { createRouter, type Page } from './router.ts';
import { systemRoutes } from './system-routes.ts';

export interface ApiServerOptions {
  title: string;
  description: string;
  version: string;
  routes: readonly Route[];
  authenticate: Authenticate;
  host: string;
  /** 0 = any free one. */
  port: number;
  logger: Logger;
  metrics: Pick<Metrics, 'httpDuration'>;
  clock: Clock;
  /** Where clients reach this API, for the document; default: where the document came from. */
  serverUrl?: string;
  /** What `/ready` says; without it the server is ready whenever it is up. */
  ready?: () => Promise<ReadyReport>;
  /** Largest JSON body of routes that name no limit of their own, bytes; default 1 MiB. */
  maxPayload?: number;
  /** How long a stop keeps idle connections, so that clients hear of it with an answer, ms; default 0. */
  lingerMs?: number;
  /** Further GET pages by path, open to everybody, for example `/`. */
  extraPages?: Readonly<Record<string, { content_type: string; body: string | Buffer | (() => string) }>>;
}

export interface ApiServer {
  /** Rejects when the address can't be listened on. */
  start(): Promise<{ host: string; port: number; url: string }>;
  /**
   * Takes no more connections and ends streams. Answers what still comes on those that are open with `connection: close`,
   * for `lingerMs`; then closes idle ones. Lets requests under way finish for `deadlineMs` (default 10 s), then cuts.
   */
  stop(deadlineMs?: number): Promise<void>;
  /** The OpenAPI 3.1 document. */
  document: object;
  /** The handler for an http server of one's own. */
  callback(): RequestListener;
}

/** Longer than the 60 s after which load balancers usually drop an idle connection, so that they are the first to. */
const KEEP_ALIVE_MS = 75_000;
/** A request that has not arrived whole by then is cut off. */
const REQUEST_TIMEOUT_MS = 30_000;
const SERVER_OPTIONS = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  // Looked at here: Node's own refusal is no problem document.
  requireHostHeader: false,
};
const DEFAULT_JSON_LIMIT = 1_048_576;

/** HTTP server of an API: the routes given, `/health`, `/ready`, `/openapi.json` and `/docs`. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { logger, clock, ready } = options;
  const stopping = new AbortController();
  // One listener per open stream; there is no number of them that would be a leak.
  setMaxListeners(0, stopping.signal);
  let document: object = {};
  const system = systemRoutes({ ...(ready && { ready }), document: () => document });
  const routes = [...options.routes, ...system];
  document = buildOpenApi({ ...options, routes });

  const router = createRouter(routes, allPages(options), {
    authenticate: options.authenticate,
    failures: createFailureLimit({ clock, logger }),
    logger,
    clock,
    jsonLimit: options.maxPayload ?? DEFAULT_JSON_LIMIT,
    stopping: stopping.signal,
  });
  const app = new Koa<RequestState>();
  // Broken sockets end up here; whatever a handler throws does not.
  app.on('error', (error: unknown) => {
    logger.debug({ event: 'http.socket_error', err: error });
  });
  const observe = observeRequests({ ...options, stopping: stopping.signal });
  app.use((ctx) => observe(ctx, (seen) => router.dispatch(seen)));
  const viaKoa = app.callback();
  const handle: RequestListener = (req, res) => {
    if (refusedForHost(req, res)) return;
    const direct = router.direct(req.method ?? '', req.url ?? '');
    if (direct === null) {
      void viaKoa(req, res);
      return;
    }
    // Koa listens at each request and its connection for replies that it sends itself. This one it doesn't.
    observe(app.createContext<RequestState>(req, res), direct).catch((error: unknown) => {
      app.emit('error', error);
      res.destroy();
    });
  };
  const server = createServer(SERVER_OPTIONS, handle);
  answerClientErrors(server, logger);

  return {
    document,
    callback: () => handle,
    start: () => listen(server, options.host, options.port),
    stop: (deadlineMs = 10_000) => {
      stopping.abort();
      return close(server, clock, { deadlineMs, lingerMs: options.lingerMs ?? 0 });
    },
  };
}

function allPages(options: ApiServerOptions): Record<string, Page> {
  const pages: Record<string, Page> = docsUi({ title: options.title, documentUrl: '/openapi.json' });
  for (const [path, page] of Object.entries(options.extraPages ?? {})) {
    pages[path] = (ctx: Context) => {
      ctx.type = page.content_type;
      ctx.body = typeof page.body === 'function' ? page.body() : page.body;
    };
  }
  return pages;
}

async function listen(
  server: Server,
  host: string,
  port: number,
): Promise<{ host: string; port: number; url: string }> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  const shown = host.includes(':') ? `[${host}]` : host;
  return { host, port: bound, url: `http://${shown}:${bound}` };
}

/**
 * `http.Server.close` closes idle connections at once: a client that is just sending on one has its request reset, and
 * can't know whether it was taken. `net.Server.close` only stops listening.
 */
function close(
  server: Server,
  clock: Clock,
  { deadlineMs, lingerMs }: { deadlineMs: number; lingerMs: number },
): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const cancels = [
      clock.after(deadlineMs, () => {
        server.closeAllConnections();
      }),
    ];
    const closed = (error?: Error): void => {
      for (const cancel of cancels) cancel();
      if (error) reject(error);
      else resolve();
    };
    if (lingerMs === 0) {
      server.close(closed);
      return;
    }
    NetServer.prototype.close.call(server, closed);
    cancels.push(
      clock.after(lingerMs, () => {
        server.close();
      }),
    );
  });
}
