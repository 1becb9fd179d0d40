import type { ServerResponse } from 'node:http';
import type { RouteReply } from './route.ts';

type Chunk = string | Uint8Array;

export interface StreamReply extends RouteReply {
  body: AsyncIterable<Chunk>;
}

/** Whether a reply's body is sent as a stream. */
export function isStream(body: unknown): body is AsyncIterable<Chunk> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

/** Sends a whole reply on Node's own response: koa's body setters cost more than the rest of a small request. */
export function sendReply(res: ServerResponse, reply: RouteReply, requestId: string): void {
  const { body } = reply;
  const headers: Record<string, string | number> = { 'x-request-id': requestId };
  if (body === undefined || body === null) {
    // 204 and 304 have no body and no length (RFC 9110 section 8.6).
    if (reply.status !== 204 && reply.status !== 304) headers['content-length'] = 0;
    res.writeHead(reply.status, Object.assign(headers, reply.headers)).end();
    return;
  }
  const content = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  headers['content-type'] = defaultType(body);
  headers['content-length'] = Buffer.byteLength(content);
  res.writeHead(reply.status, Object.assign(headers, reply.headers)).end(content);
}

function defaultType(body: unknown): string {
  if (typeof body === 'string') return 'text/plain; charset=utf-8';
  return Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json; charset=utf-8';
}

/**
 * Writes chunks as they come, at the client's pace, until the source ends or `signal` aborts; then ends the source.
 * @returns when the stream is over; rejects with what the source threw, the connection then broken
 */
export async function sendStream(
  res: ServerResponse,
  reply: StreamReply,
  requestId: string,
  signal: AbortSignal,
): Promise<void> {
  res.writeHead(reply.status, {
    'x-request-id': requestId,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Proxies that buffer replies would hold events back.
    'x-accel-buffering': 'no',
    ...reply.headers,
  });
  res.flushHeaders();
  const iterator = reply.body[Symbol.asyncIterator]();
  let stop = (): void => undefined;
  const onAbort = (): void => {
    stop();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  res.on('close', onAbort);
  const gone = (): boolean => signal.aborted || res.destroyed;
  /** null as soon as the stream is over; racing against one long-lived promise would keep memory per chunk. */
  const orStop = <T>(wait: (done: (value: T) => void, failed: (error: unknown) => void) => void) =>
    new Promise<T | null>((resolve, reject) => {
      stop = () => {
        resolve(null);
      };
      if (gone()) stop();
      else wait(resolve, reject);
    });

  let whole = false;
  // A HEAD gets the headers of the stream, and none of it.
  const hasBody = res.req.method !== 'HEAD';
  try {
    while (hasBody) {
      const step = await orStop<IteratorResult<Chunk>>((done, failed) => {
        iterator.next().then(done, failed);
      });
      if (step === null || step.done === true) break;
      if (!res.write(step.value)) {
        await orStop<true>((done) => {
          res.once('drain', () => {
            done(true);
          });
        });
      }
    }
    whole = true;
  } finally {
    signal.removeEventListener('abort', onAbort);
    res.off('close', onAbort);
    // Not awaited: a generator that waits for its next event returns only after that.
    iterator.return?.().catch(() => undefined);
    const { socket } = res;
    // After a failure only a broken connection tells the client that this was not the end. After a stop of the server
    // the connection, by then an idle one, would hold the server up.
    if (!whole) res.destroy();
    else if (signal.aborted) res.end(() => socket?.end());
    else res.end();
  }
}
