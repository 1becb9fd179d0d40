import { STATUS_CODES } from 'node:http';
import { performance } from 'node:perf_hooks';
import { StringDecoder } from 'node:string_decoder';
import type { PostResult } from '@milena/domain';
import type { CancelTimer, Clock } from '@milena/runtime';
import { errors, type Dispatcher } from 'undici';
import type { ConnectProgress } from './connect.ts';
import { classifyExchangeError, PostFailure } from './failure.ts';

/** One POST as asked for. */
export interface PostRequest {
  /** Absolute http or https URL. */
  url: string;
  /** Sent as given, names in any case. `content-length`, `host` and `user-agent` are added. */
  headers: Record<string, string>;
  body: Buffer;
  /** Deadline in ms for everything together: DNS, connect, TLS, sending, headers and body. */
  timeoutMs: number;
}

/** How much of a response body is kept as text. */
const KEPT_BODY_BYTES = 4096;
/** A longer body is not read to its end: its connection is closed instead of being kept for the next POST. */
const DRAINED_BODY_BYTES = 65_536;
/** Names and values together; headers beyond that are left out of the result. */
const KEPT_HEADER_CHARS = 8192;

const STAGE_WORDS: Record<ConnectProgress['stage'], string> = {
  dns: 'while its name was being resolved',
  connect: 'while connecting',
  tls: 'during the TLS handshake',
  response: 'before a response came',
  body: 'before the response body was complete',
};

type ReceivedHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

/** Lower-cased names; several values of one name are joined as RFC 9110 section 5.2 has it. */
function keptHeaders(received: ReceivedHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  let room = KEPT_HEADER_CHARS;
  for (const name of Object.keys(received)) {
    const value = received[name];
    const text = Array.isArray(value) ? value.join(', ') : (value ?? '');
    room -= name.length + text.length;
    if (room < 0) break;
    kept[name] = text;
  }
  return kept;
}

function statusSentence(status: number, location: string | undefined): string {
  const words = `The endpoint answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
  if (status < 300 || status > 399 || location === undefined) return `${words}.`;
  return `${words} (to ${location.slice(0, 200)}); redirects are not followed.`;
}

/**
 * RFC 9112 section 6.3: a 204 or 304 ends at the empty line, whatever its headers say. The client takes a length for a
 * promise, and what its sender took for a body would be read as the next response.
 */
function endsDespiteHeaders(status: number, received: ReceivedHeaders): boolean {
  if (status !== 204 && status !== 304) return false;
  return (received['content-length'] ?? '0') !== '0' || received['transfer-encoding'] !== undefined;
}

/** One of the two is called, once. */
interface ExchangeEnding {
  /** `reusable`: the connection can carry another POST. */
  onResult(result: PostResult, reusable: boolean): void;
  /** The request could not be written as it is; the endpoint has no part in it. */
  onFault(error: Error): void;
}

/**
 * One POST from its start to its result: the client's handler for it, its deadline and its timings. It ends exactly
 * once, whatever the client still reports afterwards.
 */
export class Exchange implements Dispatcher.DispatchHandler, ConnectProgress {
  stage: ConnectProgress['stage'] = 'response';
  resolved_address: string | null = null;
  dns_ms: number | null = null;
  connect_ms: number | null = null;
  tls_ms: number | null = null;

  readonly request: PostRequest;
  readonly #ending: ExchangeEnding;
  readonly #startedAt: number;
  readonly #startedMono: number;
  readonly #cancelDeadline: CancelTimer;
  #ended = false;
  #sentMono: number | null = null;
  #firstByteMs: number | null = null;
  #status: number | null = null;
  #headers: Record<string, string> = {};
  #retryAfter: string | null = null;
  #chunks: Buffer[] = [];
  #bodyBytes = 0;

  constructor(request: PostRequest, clock: Clock, ending: ExchangeEnding) {
    this.request = request;
    this.#ending = ending;
    this.#startedAt = clock.now();
    this.#startedMono = performance.now();
    this.#cancelDeadline = clock.after(request.timeoutMs, () => {
      // After a turn that reads what is there: if this process was held up, the response may have come long ago.
      setImmediate(() => {
        const when = STAGE_WORDS[this.stage];
        this.#end(
          new PostFailure('timeout', `The deadline of ${request.timeoutMs} ms passed ${when}.`),
          false,
        );
      });
    });
  }

  /** Stops without a result: no deadline, no call of the ending. */
  abandon(): void {
    this.#ended = true;
    this.#cancelDeadline();
  }

  /** Stops with a fault, unless it is over. */
  cut(reason: Error): void {
    if (this.#ended) return;
    this.abandon();
    this.#ending.onFault(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended || this.#sentMono !== null) {
      // Twice for one exchange would be a second request that the target sees: never.
      controller.abort(new PostFailure('reset', 'The connection was closed before a response came.'));
      return;
    }
    this.stage = 'response';
    this.#sentMono = performance.now();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ReceivedHeaders,
  ): void {
    if (this.#ended || status < 200) return;
    this.stage = 'body';
    this.#status = status;
    if (this.#sentMono !== null) this.#firstByteMs = performance.now() - this.#sentMono;
    this.#headers = keptHeaders(headers);
    const retryAfter = headers['retry-after'];
    this.#retryAfter = (Array.isArray(retryAfter) ? retryAfter[0] : retryAfter) ?? null;
    if (endsDespiteHeaders(status, headers)) this.#end(null, false);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#bodyBytes < KEPT_BODY_BYTES) this.#chunks.push(chunk);
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > DRAINED_BODY_BYTES) this.#end(null, false);
  }

  onResponseEnd(): void {
    this.#end(null, true);
  }

  onResponseError(_controller: unknown, error: Error): void {
    const unsendable =
      error instanceof errors.InvalidArgumentError || error instanceof errors.NotSupportedError;
    if (unsendable) {
      this.cut(error);
      return;
    }
    this.#end(classifyExchangeError(error, this.stage === 'body'), false);
  }

  #end(failure: PostFailure | null, reusable: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelDeadline();
    this.#ending.onResult(this.#result(failure), reusable);
  }

  #body(): string {
    const [first] = this.#chunks;
    if (first === undefined) return '';
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    if (bytes.length <= KEPT_BODY_BYTES) return bytes.toString('utf8');
    // Drops a character that the cut went through.
    return new StringDecoder('utf8').write(bytes.subarray(0, KEPT_BODY_BYTES));
  }

  #result(failure: PostFailure | null): PostResult {
    const status = this.#status;
    const ok = failure === null && status !== null && status >= 200 && status <= 299;
    const detail = failure?.message ?? statusSentence(status ?? 0, this.#headers['location']);
    return {
      ok,
      http_status: status,
      error_kind: ok ? null : (failure?.kind ?? 'http_status'),
      error_detail: ok ? '' : detail,
      retry_after: this.#retryAfter,
      response_headers: this.#headers,
      response_body: this.#body(),
      resolved_address: this.resolved_address,
      started_at: this.#startedAt,
      duration_ms: performance.now() - this.#startedMono,
      timings: {
        dns_ms: this.dns_ms,
        connect_ms: this.connect_ms,
        tls_ms: this.tls_ms,
        first_byte_ms: this.#firstByteMs,
      },
    };
  }
}
