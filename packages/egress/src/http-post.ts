import type { PostResult } from '@milena/domain';
import type { Clock } from '@milena/runtime';
import { createConnect, type ConnectDeps } from './connect.ts';
import { createConnection, KEEP_ALIVE_MS, type Connection } from './connection.ts';
import { Exchange, type PostRequest } from './exchange.ts';
import { createIdleConnections } from './idle-connections.ts';
import { createTargets, type Target } from './target.ts';

export interface HttpPostDeps extends ConnectDeps {
  /** Sent as `user-agent`, for example `Milena/1.2.3`. */
  userAgent?: string | undefined;
}

export interface HttpPost {
  /**
   * Makes one POST; the target sees at most one request, and redirects are not followed. Whatever the endpoint does is
   * a value: 2xx is `ok`, anything else has an `error_kind`. A status stays in the result when the body failed.
   *
   * @throws HttpPostClosedError after `close`, also for a POST that it cut short
   * @throws Error when a header can't be sent as it is
   */
  post(request: PostRequest): Promise<PostResult>;
  /** Closes every connection and resolves when the sockets are gone. Wait for what is under way first. */
  close(): Promise<void>;
}

/** This process stopped; says nothing about the endpoint. */
export class HttpPostClosedError extends Error {
  override name = 'HttpPostClosedError';
}

/** Idle connections over all origins; more would take file descriptors from those that work. */
const MAX_IDLE_CONNECTIONS = 1024;

function wireHeaders(headers: Record<string, string>, userAgent: string): string[] {
  const list = ['user-agent', userAgent];
  for (const name of Object.keys(headers)) list.push(name, headers[name] ?? '');
  return list;
}

function refused(clock: Clock, reason: string): PostResult {
  return {
    ok: false,
    http_status: null,
    error_kind: 'blocked_target',
    error_detail: `Not sent: the target ${reason}.`,
    retry_after: null,
    response_headers: {},
    response_body: '',
    resolved_address: null,
    started_at: clock.now(),
    duration_ms: 0,
    timings: { dns_ms: null, connect_ms: null, tls_ms: null, first_byte_ms: null },
  };
}

/** The one way out to endpoints. Thousands of posts may be under way at once; it sets no limit of its own. */
export function createHttpPost(deps: HttpPostDeps): HttpPost {
  const { clock } = deps;
  const userAgent = deps.userAgent ?? 'Milena';
  const connect = createConnect(deps);
  const targetOf = createTargets(deps.guard);
  const idle = createIdleConnections({
    ...{ limit: MAX_IDLE_CONNECTIONS, longestMs: KEEP_ALIVE_MS, clock },
    onStale: (connection) => {
      discard(connection);
    },
  });
  /**
   * All connections; who is busy, and with what, they know themselves. A map of that, changed with every POST, would keep
   * whole deliveries alive: V8 leaves a chain of outgrown tables behind that only a full collection breaks.
   */
  const connections = new Set<Connection>();
  const closing = new Set<Promise<void>>();
  let closed = false;

  function discard(connection: Connection): void {
    connections.delete(connection);
    const gone = connection.destroy().finally(() => closing.delete(gone));
    closing.add(gone);
  }

  function open(target: Target): Connection {
    const connection = createConnection(target, connect, () => {
      if (idle.remove(connection)) discard(connection);
    });
    connections.add(connection);
    return connection;
  }

  function send(request: PostRequest, target: Target): Promise<PostResult> {
    return new Promise((resolve, reject) => {
      const connection = idle.take(target.origin) ?? open(target);
      const exchange = new Exchange(request, clock, {
        onResult: (result, reusable) => {
          connection.rest();
          if (!reusable || !idle.put(connection)) discard(connection);
          resolve(result);
        },
        onFault: (error) => {
          discard(connection);
          reject(error);
        },
      });
      connection.run(exchange, target, wireHeaders(request.headers, userAgent));
    });
  }

  return {
    post: async (request) => {
      if (closed) throw new HttpPostClosedError('The HTTP client is closed.');
      const entry = targetOf(request.url);
      return entry.ok ? send(request, entry.target) : refused(clock, entry.reason);
    },
    close: async () => {
      closed = true;
      for (const connection of [...connections]) {
        if (idle.remove(connection)) discard(connection);
        else connection.cut(new HttpPostClosedError('Cut short: the HTTP client was closed.'));
      }
      await Promise.all(closing);
    },
  };
}
