import type { ErrorKind } from '@milena/domain';

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

/** The system's or the library's code of an error, or its message when it has none. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

/**
 * What an error of the HTTP client means once the request was on its way.
 *
 * A reply cut short shows as a length mismatch or as an unexpected end: once the headers are there that is the other
 * side closing early, before them it is no valid HTTP.
 */
export function classifyExchangeError(error: Error, headersReceived: boolean): PostFailure {
  if (error instanceof PostFailure) return error;
  const code = codeOf(error);
  const cutShort = code === 'HPE_INVALID_EOF_STATE' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';
  if (headersReceived && cutShort) {
    return new PostFailure('reset', 'The connection was closed before the response was complete.');
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new PostFailure('invalid_response', 'The response headers are larger than 16 KiB.');
  }
  // undici reports an unasked-for 100 or 101 as a socket error whose message begins with "bad".
  if (
    code.startsWith('HPE_') ||
    cutShort ||
    (code === 'UND_ERR_SOCKET' && error.message.startsWith('bad '))
  ) {
    return new PostFailure('invalid_response', `The response is not valid HTTP/1.1 (${code}).`);
  }
  const when = headersReceived ? 'before the response was complete' : 'before a response came';
  return new PostFailure('reset', `The connection was closed ${when} (${code}).`);
}
