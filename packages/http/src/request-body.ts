import type { IncomingMessage } from 'node:http';
import { koaBody } from 'koa-body';
import { checkContentType } from './content-type.ts';
import type { Context } from './context.ts';
import { parseJsonStructure } from './parse-json.ts';
import { HttpProblem } from './problem.ts';

const JSON_TYPES = ['application/json', 'application/*+json'];

/** The client went away while its body was read; there is nobody to answer. */
export class ClientGoneError extends Error {
  override name = 'ClientGoneError';
}

function tooLarge(limit: number): HttpProblem {
  return new HttpProblem(413, 'payload-too-large', `The body must not be larger than ${limit} bytes.`);
}

/** Refuses what is announced as too large before a byte of it is read. */
function checkAnnouncedLength(req: IncomingMessage, limit: number): void {
  if (Number(req.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
}

function bodyProblem(error: unknown, req: IncomingMessage, limit: number): Error {
  const type = (error as { type?: unknown }).type;
  if (type === 'entity.too.large') {
    // The reader stopped in the middle; unless the rest is drained, the connection's next request is never parsed.
    req.resume();
    return tooLarge(limit);
  }
  if (type === 'request.aborted' || req.destroyed) return new ClientGoneError('the client went away');
  return error instanceof Error ? error : new Error(String(error));
}

/**
 * The body's own bytes.
 * @throws HttpProblem 413 above `limit` bytes, 415 for a media type that is not listed
 */
export function readRawBody(
  req: IncomingMessage,
  contentTypes: readonly string[],
  limit: number,
): Promise<Buffer> {
  // The executor runs at once, so what these throw rejects the promise before a byte is read.
  return new Promise((resolve, reject) => {
    checkContentType(req.headers, contentTypes);
    checkAnnouncedLength(req, limit);
    const chunks: Buffer[] = [];
    let received = 0;
    req.on('data', (chunk: Buffer) => {
      received += chunk.length;
      // What comes after is still read and dropped; otherwise the connection's next request is never parsed.
      if (received > limit) reject(tooLarge(limit));
      else chunks.push(chunk);
    });
    req.on('end', () => {
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    req.on('close', () => {
      if (!req.complete) reject(new ClientGoneError('the client went away'));
    });
  });
}

function hasBody(req: IncomingMessage): boolean {
  if (req.headers['transfer-encoding'] !== undefined) return true;
  return (req.headers['content-length'] ?? '0') !== '0';
}

/**
 * A reader of JSON objects and arrays of at most `limit` bytes; undefined when no body was sent, or an empty one. A
 * `__proto__` key is refused like a syntax error.
 * @throws (its reader) HttpProblem 400 saying where the JSON breaks, 413, 415
 */
export function createJsonReader(limit: number): (ctx: Context) => Promise<unknown> {
  // koa-body only gathers the bytes, as a string of one character each. Its own JSON parser would make {} of an empty
  // body, and its decoder would replace bytes that are no UTF-8.
  const gather = koaBody({
    text: true,
    textLimit: limit,
    encoding: 'binary',
    json: false,
    urlencoded: false,
    multipart: false,
    patchNode: false,
    patchKoa: true,
    parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'] as never,
  });
  return async ({ req, method }) => {
    if (!hasBody(req)) return undefined;
    checkContentType(req.headers, JSON_TYPES);
    checkAnnouncedLength(req, limit);
    const request: { body?: unknown } = {};
    try {
      // The type is checked above. Were koa-body to look at it, it would leave out in silence what it can't read.
      await gather({ req, method, request, is: () => 'text/plain' } as never, () => Promise.resolve());
    } catch (error) {
      throw bodyProblem(error, req, limit);
    }
    const body = Buffer.from(request.body as string, 'latin1');
    return body.length === 0 ? undefined : parseJsonStructure(body);
  };
}
