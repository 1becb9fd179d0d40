import type { IncomingMessage } from 'node:http';
import { koaBody } from 'koa-body';
import { checkContentType } from './content-type.ts';
import type { Context } from './context.ts';
import { whereJsonBreaks } from './json-position.ts';
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
 * A reader of JSON objects and arrays of at most `limit` bytes; undefined when no body was sent. A `__proto__` key is
 * refused like a syntax error.
 * @throws (its reader) HttpProblem 400 saying where the JSON breaks, 413, 415
 */
export function createJsonReader(limit: number): (ctx: Context) => Promise<unknown> {
  const parse = koaBody({
    jsonLimit: limit,
    jsonStrict: true,
    jsonTypes: JSON_TYPES,
    text: false,
    urlencoded: false,
    multipart: false,
    patchNode: false,
    patchKoa: true,
    parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'] as never,
  });
  return async (ctx) => {
    if (!hasBody(ctx.req)) return undefined;
    checkContentType(ctx.req.headers, JSON_TYPES);
    checkAnnouncedLength(ctx.req, limit);
    try {
      await parse(ctx, () => Promise.resolve());
    } catch (error) {
      const text = (error as { body?: unknown }).body;
      if (typeof text === 'string') throw invalidJson(text, error);
      throw bodyProblem(error, ctx.req, limit);
    }
    return (ctx.request as { body?: unknown }).body;
  };
}

function invalidJson(text: string, error: unknown): HttpProblem {
  const place = whereJsonBreaks(text);
  const detail = place
    ? `The body is not valid JSON: ${place.message} at line ${place.line}, column ${place.column}.`
    : `The body can't be taken: ${error instanceof Error ? error.message : 'it must be a JSON object or array'}.`;
  return new HttpProblem(400, 'invalid-json', detail);
}
