import { randomUUID } from 'node:crypto';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { Context } from './context.ts';
import { problemReply, toProblem } from './problem-reply.ts';
import { sendReply } from './reply.ts';
import { ClientGoneError } from './request-body.ts';

interface ObserveDeps {
  logger: Logger;
  metrics: Pick<Metrics, 'httpDuration'>;
  clock: Clock;
  stopping: AbortSignal;
}

const SAFE_REQUEST_ID = /^[\w.:-]{1,128}$/;

/** The caller's own id when it is one that can go into logs and headers unchanged. */
function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && SAFE_REQUEST_ID.test(given) ? given : randomUUID();
}

/**
 * Around every request: gives it an id, answers whatever `serve` throws as a problem, counts its time and writes its
 * one log line.
 */
export function observeRequests(deps: ObserveDeps) {
  return async (ctx: Context, serve: (ctx: Context) => Promise<void>): Promise<void> => {
    const startedAt = deps.clock.now();
    ctx.state = {
      requestId: requestIdOf(ctx.req.headers['x-request-id']),
      route: 'none',
      caller: null,
      streamed: false,
    };
    if (deps.stopping.aborted) ctx.res.shouldKeepAlive = false;
    let failure: unknown = null;
    try {
      await serve(ctx);
    } catch (error) {
      // Whatever a handler makes of its aborted signal: with the client gone it is no failure of ours.
      const gone = ctx.res.destroyed && !ctx.res.headersSent;
      failure = gone ? new ClientGoneError('the client went away') : error;
      answerFailure(ctx, failure, deps);
    }
    record(ctx, deps, deps.clock.now() - startedAt, failure);
  };
}

function answerFailure(ctx: Context, error: unknown, deps: ObserveDeps): void {
  ctx.respond = false;
  if (error instanceof ClientGoneError) return;
  const problem = toProblem(error);
  if (problem.status === 500) {
    deps.logger.error({
      event: 'http.failed',
      request_id: ctx.state.requestId,
      route: ctx.state.route,
      err: error,
    });
  }
  if (ctx.res.headersSent) {
    // Half an answer is out: only a broken connection tells the client that it is not the whole.
    ctx.res.destroy();
    return;
  }
  if (deps.stopping.aborted) ctx.res.shouldKeepAlive = false;
  sendReply(ctx.res, problemReply(problem, ctx.state.requestId), ctx.state.requestId);
}

function record(ctx: Context, deps: ObserveDeps, durationMs: number, failure: unknown): void {
  const { requestId, route, caller, streamed } = ctx.state;
  const gone = failure instanceof ClientGoneError;
  const status = gone ? 0 : ctx.res.statusCode;
  // How long a client listens to a stream says nothing about us.
  if (!streamed) {
    const label = gone ? 'aborted' : `${Math.floor(status / 100)}xx`;
    deps.metrics.httpDuration.observe({ route, status: label }, durationMs / 1000);
  }
  const level = status >= 500 ? 'info' : 'debug';
  if (!deps.logger.isLevelEnabled(level)) return;
  deps.logger[level]({
    event: 'http.request',
    request_id: requestId,
    method: ctx.req.method,
    path: ctx.path,
    route,
    status,
    duration_ms: durationMs,
    caller,
    ...(failure instanceof Error && { reason: failure.message }),
  });
}
