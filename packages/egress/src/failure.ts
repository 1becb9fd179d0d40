import type { ErrorKind } from '@milena/domain';
import { errors } from 'undici';

/** Why an attempt came to nothing: the endpoint's failure, as a value that can travel through the client's errors. */
export class PostFailure extends Error {
  override name = 'PostFailure';
  readonly kind: ErrorKind;

  /** @param detail one sentence for people */
  constructor(kind: ErrorKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}

/** The system's code of an error, such as ECONNREFUSED; its message when it has none or only one of undici's own. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' && !code.startsWith('UND_') ? code : String(message);
}

/** What the parser objects to, for example "Invalid character in chunk size"; null when it was not the parser. */
function parserReason(error: Error): string | null {
  if (error instanceof errors.HTTPParserError) return /\((.+)\)$/.exec(error.message)?.[1] ?? 'not parsable';
  if (error instanceof errors.HeadersOverflowError) return 'headers larger than 16 KiB';
  // undici reports an unasked-for 100 or 101 as a socket error with these messages.
  if (error.message === 'bad response') return 'a status nobody asked for';
  if (error.message === 'bad upgrade') return 'an upgrade nobody asked for';
  return null;
}

/**
 * What an error of the HTTP client means once the request was on its way.
 *
 * A reply cut short can show as a length mismatch or as an unexpected end: once the headers are there that is the other
 * side closing early, before them it is no valid HTTP.
 */
export function classifyExchangeError(error: Error, headersReceived: boolean): PostFailure {
  if (error instanceof PostFailure) return error;
  const reason = parserReason(error);
  const mismatch = error instanceof errors.ResponseContentLengthMismatchError;
  if (headersReceived && (mismatch || reason === 'Invalid EOF state')) {
    return new PostFailure('reset', 'The connection was closed before the response was complete.');
  }
  if (reason !== null || mismatch) {
    return new PostFailure(
      'invalid_response',
      `The response is not valid HTTP/1.1: ${reason ?? 'its lengths differ'}.`,
    );
  }
  const when = headersReceived ? 'before the response was complete' : 'before a response came';
  return new PostFailure('reset', `The connection was closed ${when} (${codeOf(error)}).`);
}
