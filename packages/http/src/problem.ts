/** One thing wrong with a request: where (`event_types[2]`, `headers.x-shop`) and what. */
export interface FieldError {
  path: string;
  message: string;
}

/** A refusal, answered as application/problem+json (RFC 9457). */
export class HttpProblem extends Error {
  override name = 'HttpProblem';
  readonly status: number;
  /** Last part of the problem's type, for example `idempotency-conflict`; also the `reason` label of refusals. */
  readonly slug: string;
  readonly detail: string;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    slug: string,
    detail: string,
    extra: { errors?: readonly FieldError[]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.status = status;
    this.slug = slug;
    this.detail = detail;
    this.errors = extra.errors ?? [];
    this.headers = extra.headers ?? {};
  }
}

/** 503 with Retry-After: our own trouble. */
export function unavailable(detail: string, retryAfterS = 1): HttpProblem {
  return new HttpProblem(503, 'unavailable', detail, { headers: { 'retry-after': String(retryAfterS) } });
}

export function notFound(what: string): HttpProblem {
  return new HttpProblem(404, 'not-found', `There is no such ${what}.`);
}
