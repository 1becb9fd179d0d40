import type { ServerResponse } from 'node:http';
import type { CancelTimer, Clock, Logger } from '@milena/runtime';
import { authorize } from './auth.ts';
import type { Authenticate } from './authenticator.ts';
import type { Context } from './context.ts';
import type { PathParams } from './direct-paths.ts';
import type { FailureLimit } from './failure-limit.ts';
import { checkHost } from './local-host.ts';
import { HttpProblem } from './problem.ts';
import { createJsonReader, readRawBody } from './request-body.ts';
import { isStream, sendReply, sendStream, type StreamReply } from './reply.ts';
import type { Access, Principal, Route, RouteRequest } from './route.ts';
import { checkBody, checkParams, checkQuery } from './validation.ts';

export interface RouteDeps {
  authenticate: Authenticate;
  failures: FailureLimit;
  logger: Logger;
  clock: Clock;
  /** Largest JSON body of a route that names no limit of its own, bytes. */
  jsonLimit: number;
  /** Aborted when the server stops: ends streams, and connections after their next reply. */
  stopping: AbortSignal;
}

/** How often the caller of an open stream is looked at again: a key that is revoked or expires ends it. */
const RECHECK_MS = 1000;

/** Log line context and abort signal cost more than a small handler, so they are made when asked for. */
class LazyRequest implements RouteRequest<unknown, unknown, unknown> {
  params: unknown = undefined;
  query: unknown = undefined;
  body: unknown = undefined;
  principal: Principal | null = null;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly #res: ServerResponse;
  readonly #requestId: string;
  readonly #logger: Logger;
  #log: Logger | null = null;
  #controller: AbortController | null = null;

  constructor(ctx: Context, logger: Logger) {
    // Node joins repeated headers with commas, but for set-cookie, which no request carries.
    this.headers = ctx.req.headers as Record<string, string | undefined>;
    this.#res = ctx.res;
    this.#requestId = ctx.state.requestId;
    this.#logger = logger;
  }

  get log(): Logger {
    this.#log ??= this.#logger.child({ request_id: this.#requestId });
    return this.#log;
  }

  get signal(): AbortSignal {
    return (this.#controller ??= this.#createController()).signal;
  }

  /** Ends what the handler has under way, as if the client had gone. */
  abort(): void {
    (this.#controller ??= this.#createController()).abort();
  }

  #createController(): AbortController {
    const controller = new AbortController();
    if (this.#res.destroyed) controller.abort();
    this.#res.once('close', () => {
      if (!this.#res.writableFinished) controller.abort();
    });
    return controller;
  }
}

/**
 * One function per route, in the order in which a request may be refused: who calls, where to, with what.
 * @throws (its result) HttpProblem, or whatever the handler throws
 */
export function serveRoute(
  route: Route,
  deps: RouteDeps,
): (ctx: Context, pathParams: PathParams) => Promise<void> {
  const { params, query, access } = route;
  const readBody = bodyReader(route, deps);

  async function serve(ctx: Context, pathParams: PathParams): Promise<void> {
    const { state } = ctx;
    state.route = route.path;
    const request = new LazyRequest(ctx, deps.logger);
    if (access !== 'open') {
      request.principal = await authorize(deps.authenticate, access, request.headers['authorization']);
      state.caller = request.principal?.name ?? null;
      checkHost(request.principal, request.headers['host']);
    }
    if (params) request.params = checkParams(params, pathParams);
    if (query) request.query = checkQuery(query, ctx.req.url?.includes('?') === true ? ctx.query : {});
    if (readBody) request.body = await readBody(ctx);
    const reply = await route.handler(request as never);
    ctx.respond = false;
    if (deps.stopping.aborted) ctx.res.shouldKeepAlive = false;
    if (isStream(reply.body)) {
      state.streamed = true;
      const unwatch = access === 'open' ? () => undefined : watchCaller(request, access, deps);
      await streamUntilStop(ctx, request, { ...reply, body: reply.body }, deps.stopping).finally(unwatch);
    } else {
      sendReply(ctx.res, reply, state.requestId);
    }
  }

  return async (ctx, pathParams) => {
    try {
      await serve(ctx, pathParams);
    } catch (error) {
      const { authorization } = ctx.req.headers;
      throw deps.failures.judge(error, { address: ctx.req.socket.remoteAddress, authorization });
    }
  };
}

/** Aborts the request when its key is not good any more; returns what ends the watch. */
function watchCaller(request: LazyRequest, access: Access, deps: RouteDeps): () => void {
  let cancel: CancelTimer = () => undefined;
  let over = false;
  const look = async (): Promise<void> => {
    try {
      await authorize(deps.authenticate, access, request.headers['authorization']);
    } catch (error) {
      // Anything else says nothing about the key.
      if (error instanceof HttpProblem) {
        request.abort();
        return;
      }
    }
    if (!over) wait();
  };
  const wait = (): void => {
    cancel = deps.clock.after(RECHECK_MS, () => void look());
  };
  wait();
  return () => {
    over = true;
    cancel();
  };
}

/** A handler may wait for its next event for ever, so it is told when the server stops. */
async function streamUntilStop(
  ctx: Context,
  request: LazyRequest,
  reply: StreamReply,
  stopping: AbortSignal,
): Promise<void> {
  const abort = (): void => {
    request.abort();
  };
  if (stopping.aborted) abort();
  stopping.addEventListener('abort', abort, { once: true });
  try {
    await sendStream(ctx.res, reply, ctx.state.requestId, request.signal);
  } finally {
    stopping.removeEventListener('abort', abort);
  }
}

function bodyReader(route: Route, deps: RouteDeps): ((ctx: Context) => Promise<unknown>) | null {
  const { body } = route;
  if (!body) return null;
  if (body.kind === 'raw') return (ctx) => readRawBody(ctx.req, body.content_types, body.limit);
  const read = createJsonReader(body.limit ?? deps.jsonLimit);
  return async (ctx) => checkBody(body.schema, await read(ctx));
}
