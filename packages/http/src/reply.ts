import type { ServerResponse } from 'node:http';
import type { RouteReply } from './route.ts';

type Chunk = string | Uint8Array;

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
  const asBytes = Buffer.isBuffer(body);
  const content = asBytes ? body : typeof body === 'string' ? body : JSON.stringify(body);
  headers['content-type'] = asBytes ? 'application/octet-stream' : 'application/json; charset=utf-8';
  headers['content-length'] = Buffer.byteLength(content);
  res.writeHead(reply.status, Object.assign(headers, reply.headers)).end(content);
}

/**
 * Writes chunks as they come, at the client's pace, until the source ends or `signal` aborts; then ends the source.
 * @returns when the stream is over
 */
export async function sendStream(
  res: ServerResponse,
  reply: RouteReply,
  source: AsyncIterable<Chunk>,
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
  const iterator = source[Symbol.asyncIterator]();
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

  try {
    for (;;) {
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
  } finally {
    signal.removeEventListener('abort', onAbort);
    res.off('close', onAbort);
    // Not awaited: a generator that waits for its next event returns only after that.
    iterator.return?.().catch(() => undefined);
    res.end();
  }
}
