import type { ParameterizedContext } from 'koa';

/** What the server knows of a request under way. */
export interface RequestState {
  requestId: string;
  /** The path template that took the request, the label of its metrics; `none` while none did. */
  route: string;
  /** Name of the principal; null when nobody was looked for. */
  caller: string | null;
  /** The answer is a stream. */
  streamed: boolean;
}

export type Context = ParameterizedContext<RequestState>;
